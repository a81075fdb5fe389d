// The notes of a ticket, in its column or beside a call; `/` and a name finds a canned text.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import type { Key } from "../i18n";
import { isTyping } from "../keys";
import { phase } from "../line";
import type { Notes, NotesState } from "../notes";
import type { CannedText } from "../protocol";
import { timeOfDay } from "../time";
import { askedIn, Canned, insert, textsFor } from "./Canned";
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

export function NotesField({ notes, ticketId, place }: NotesProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const isOfCall = place === "column" && phase.value === "talking";
  useEffect(() => {
    if (isOfCall && !isTyping()) field.current?.focus({ preventScroll: true }); // nothing jumps in a narrow window either
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
    if (step && found.length) asked.value = { ...open, at: (open.at + step + found.length) % found.length };
    else if ((event.key === "Enter" || event.key === "Tab") && found.length) pick(found[open.at]);
    else if (event.key === "Escape") asked.value = null;
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const isAsked = asked.value !== null;
  return (
    <div class="notes">
      <label for={id}>{t("notes.title")}</label>
      <span class={`notes-state ${state}`} role="status">
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
        aria-activedescendant={isAsked ? `canned-${asked.value!.at}` : undefined}
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
