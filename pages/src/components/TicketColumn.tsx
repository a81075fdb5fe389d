// The ticket of this call: where it belongs, what was said, how it ended, what happened to it.

import { useEffect, useRef } from "preact/hooks";
import { attachTo, dispose } from "../actions";
import { label, t } from "../i18n";
import type { Key } from "../i18n";
import { isTyping } from "../keys";
import { journey } from "../journey";
import { isOutcomeMissing, phase, tame } from "../line";
import { flushNotes, notesProblem, notesSavedAt, notesState, notesText, resolveConflict, typeNotes } from "../notes";
import type { TicketSection } from "../protocol";
import { isLinked, pending, sections } from "../store";
import { duration, timeOfDay } from "../time";
import { play } from "../player";
import { Icon } from "./Icon";
import { Clock, When } from "./When";

export function TicketColumn() {
  const ticket = sections.ticket.value;
  const isWaiting = phase.value === "ringing" || phase.value === "offered";
  return (
    <section class="column ticket" aria-label={t("ticket.title")}>
      <h2>
        {ticket ? (
          <>
            <span>
              {t("ticket.title")} <span class="figures">#{ticket.ticket_id}</span>
            </span>
            <bdi class="subject" title={tame(ticket.subject)}>
              {tame(ticket.subject)}
            </bdi>
            <span class="status">{statusWord(ticket.status)}</span>
          </>
        ) : (
          t("ticket.title")
        )}
      </h2>
      {ticket ? <Ticket ticket={ticket} /> : <p class="teach">{isWaiting ? t("ticket.opens") : t("ticket.teach")}</p>}
    </section>
  );
}

const STATUS_WORDS: Record<string, Key> = {
  new: "ticket.status_new",
  open: "ticket.status_open",
  pending: "ticket.status_pending",
  closed: "ticket.status_closed",
};

function statusWord(status: string): string {
  const key = STATUS_WORDS[status];
  return key ? t(key) : status;
}

function Ticket({ ticket }: { ticket: TicketSection }) {
  return (
    <>
      <Attach ticket={ticket} />
      <Notes ticketId={ticket.ticket_id} />
      <Dispositions ticket={ticket} />
      <Timeline ticket={ticket} />
    </>
  );
}

const OFFERED = 2; // the palette finds the others

function Attach({ ticket }: { ticket: TicketSection }) {
  const others = ticket.open_tickets.filter((other) => other.ticket_id !== ticket.ticket_id);
  return (
    <div class="attach">
      <span class="attach-head">{t("ticket.this_call")}</span>
      <span class="attach-own on">
        <Icon name="check" /> <span class="figures">#{ticket.ticket_id}</span>
      </span>
      {others.length === 0 && <span class="faint">{t("ticket.no_others")}</span>}
      {others.length > 0 && <span class="attach-head">{t("ticket.attach")}</span>}
      {others.slice(0, OFFERED).map((other) => (
        <button
          key={other.ticket_id}
          type="button"
          class={`button attach-other ${pending.value.has(`attach.${other.ticket_id}`) ? "pending" : ""}`}
          aria-disabled={isLinked.value && sections.call.value ? undefined : true}
          data-attach={other.ticket_id}
          title={sections.call.value ? t("ticket.attach_hint", { subject: tame(other.subject) }) : t("why.no_call")}
          onClick={() => isLinked.value && sections.call.value && void attachTo(other.ticket_id)}
        >
          <span class="figures">#{other.ticket_id}</span> <bdi>{tame(other.subject)}</bdi> <When at={other.created_at} isShort />
        </button>
      ))}
    </div>
  );
}

const NOTE_WORDS: Record<typeof notesState.value, Key> = {
  clean: "notes.clean",
  dirty: "notes.dirty",
  saving: "notes.saving",
  saved: "notes.saved",
  failed: "notes.failed",
  conflict: "notes.conflict",
};

function Notes({ ticketId }: { ticketId: number }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const isTalking = phase.value === "talking";
  useEffect(() => {
    if (isTalking && !isTyping()) field.current?.focus({ preventScroll: true }); // nothing jumps in a narrow window either
  }, [isTalking, ticketId]);
  const state = notesState.value;
  return (
    <div class="notes">
      <label for="notes">{t("notes.title")}</label>
      <span class={`notes-state ${state}`} role="status">
        {t(NOTE_WORDS[state], { time: timeOfDay(notesSavedAt.value) })}
        {notesProblem.value && ` ${notesProblem.value}`}
        {state === "conflict" && (
          <>
            <button type="button" class="text-button" onClick={() => resolveConflict("mine")}>
              {t("notes.keep_mine")}
            </button>
            <button type="button" class="text-button" onClick={() => resolveConflict("theirs")}>
              {t("notes.take_theirs")}
            </button>
          </>
        )}
      </span>
      <textarea
        id="notes"
        ref={field}
        maxLength={20_000}
        placeholder={t("notes.placeholder")}
        value={notesText.value}
        onInput={(event) => typeNotes(event.currentTarget.value)}
        onBlur={() => void flushNotes()}
      />
    </div>
  );
}

function Dispositions({ ticket }: { ticket: TicketSection }) {
  if (ticket.dispositions.length === 0) return null;
  return (
    <div class="dispositions" role="group" aria-label={t("ticket.disposition")}>
      <span class="dispositions-head">{t("ticket.disposition")}</span>
      {isOutcomeMissing.value && <span class="problem">{t("ticket.disposition_missing")}</span>}
      {ticket.dispositions.map((each) => (
        <button
          key={each}
          type="button"
          class={`chip ${ticket.disposition === each ? "on" : ""} ${pending.value.has(`disposition.${each}`) ? "pending" : ""}`}
          aria-pressed={ticket.disposition === each}
          aria-disabled={isLinked.value ? undefined : true}
          onClick={() => isLinked.value && dispose(each)}
        >
          {label(ticket.disposition_labels[each], each)}
        </button>
      ))}
    </div>
  );
}

function Timeline({ ticket }: { ticket: TicketSection }) {
  const list = useRef<HTMLOListElement>(null);
  const steps = journey(ticket.timeline);
  useEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight; // the newest is at the end
  }, [ticket.ticket_id, steps.length]);
  return (
    <div class="timeline">
      <h3>{t("timeline.title")}</h3>
      <ol ref={list}>
        {steps.map((step, index) => (
          <li key={`${step.at}-${index}`}>
            <Clock at={step.at} />
            <span class="timeline-text" title={step.text}>
              <b>{step.word}</b> <bdi>{step.text}</bdi>
            </span>
            {step.recordingId && <PlayButton id={step.recordingId} title={`#${ticket.ticket_id}`} at={step.at} agent={step.agent} />}
          </li>
        ))}
      </ol>
    </div>
  );
}

interface Playable {
  id: string;
  title: string;
  at: string;
  agent: string;
  seconds?: number;
}

/** Whether the service will hand the recording out; who spoke unknown, only it can tell. */
function mayHear(agent: string): boolean {
  const me = sections.me.value;
  return !agent || agent === me?.name || Boolean(me?.permissions.includes("hear_team_recordings"));
}

export function PlayButton({ id, title, at, agent, seconds }: Playable) {
  const isAllowed = mayHear(agent);
  const hint = seconds === undefined ? t("player.play") : `${t("player.play")} ${duration(seconds)}`;
  return (
    <button
      type="button"
      class="icon-button play"
      aria-label={t("player.play")}
      aria-disabled={isAllowed ? undefined : true}
      title={isAllowed ? hint : t("why.not_your_recording")}
      data-recording={id}
      onClick={() => isAllowed && play({ id, title, at })}
    >
      <Icon name="play" />
    </button>
  );
}
