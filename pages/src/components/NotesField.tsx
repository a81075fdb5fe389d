// The notes of a ticket, in its column or beside a call; `/` and a name finds a canned text.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import type { Key } from "../i18n";
import { isTyping } from "../keys";
import { phase } from "../line";
import type { Notes, NotesState } from "../notes";
import type { CannedText } from "../protocol";
import { sections } from "../store";
import { timeOfDay } from "../time";
import { askedIn, Canned, insert, keepChosen, removeChosen, stepped, textsFor } from "./Canned";
import type { Asked } from "./Canned";

const NOTE_WORDS: Record<NotesState, Key> = {
  clean: "notes.clean",
  dirty: "notes.dirty",
  saving: "notes.saving",
  saved: "notes.saved",
  failed: "notes.failed",
  conflict: "notes.conflict",
};

interface NotesProps {
  notes: Notes;
  ticketId: number;
  place: "column" | "beside";
}

/** The call whose notes got the focus when it was answered. */
let focusedFor = "";

export function NotesField({ notes, ticketId, place }: NotesProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const isOfCall = place === "column" && phase.value === "talking";
  useEffect(() => {
    const id = sections.call.peek()?.call_id ?? "";
    if (!isOfCall || focusedFor === id) return; // once a call: who comes back from hold stays where he is
    focusedFor = id;
    if (!isTyping()) field.current?.focus({ preventScroll: true }); // nothing jumps in a narrow window either
  }, [isOfCall, ticketId]);
  const state = notes.state.value;
  const id = place === "column" ? "notes" : "notes-beside";
  const asked = useSignal<Asked | null>(null);
  const look = () => (asked.value = field.current && document.activeElement === field.current ? askedIn(field.current) : null);
  const pick = (text: CannedText | undefined) => {
    if (!field.current || !asked.value || !text) return;
    notes.type(insert(field.current, asked.value, text, ticketId));
    asked.value = null;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const open = asked.value;
    if (!open || event.isComposing || event.keyCode === 229) return;
    const found = textsFor(open);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const isPick = !event.shiftKey && (event.key === "Enter" || event.key === "Tab");
    if (step) asked.value = { ...open, at: stepped(open, notes.text.peek(), step) };
    else if (isPick && found[open.at]) pick(found[open.at]);
    else if (event.key === "Enter" && keepChosen(open, notes.text.peek())) asked.value = { ...open, at: 0 };
    else if (event.key === "Delete" && event.shiftKey && removeChosen(open)) asked.value = { ...open, at: 0 };
    else if (event.key === "Escape") asked.value = null;
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const isAsked = asked.value !== null;
  const found = asked.value ? textsFor(asked.value) : [];
  return (
    <div class="notes">
      <label for={id}>{t("notes.title")}</label>
      {/* Only what must be known is said aloud: "saved" after each pause would be in the way of writing. */}
      <span class={`notes-state ${state}`} role="status" aria-live={state === "failed" || state === "conflict" ? "polite" : "off"}>
        {t(NOTE_WORDS[state], { time: timeOfDay(notes.savedAt.value) })}
        {notes.problem.value && ` ${notes.problem.value}`}
        {state === "conflict" && (
          <>
            <button type="button" class="text-button" onClick={() => notes.resolve("mine")}>
              {t("notes.keep_mine")}
            </button>
            <button type="button" class="text-button" onClick={() => notes.resolve("theirs")}>
              {t("notes.take_theirs")}
            </button>
          </>
        )}
      </span>
      <textarea
        id={id}
        ref={field}
        maxLength={20_000}
        placeholder={t("notes.placeholder")}
        value={notes.text.value}
        aria-autocomplete="list"
        aria-controls={isAsked ? "canned-list" : undefined}
        aria-activedescendant={isAsked && (found[asked.value!.at] || asked.value!.at > 0) ? `canned-${asked.value!.at}` : undefined}
        onInput={(event) => {
          notes.type(event.currentTarget.value);
          if (!event.isComposing) look();
        }}
        onCompositionEnd={look}
        onKeyDown={onKeyDown}
        onBlur={() => {
          asked.value = null;
          void notes.flush();
        }}
      />
      {asked.value && <Canned asked={asked.value} notes={notes.text.value} onPick={pick} />}
    </div>
  );
}
