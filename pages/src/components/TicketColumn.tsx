// The ticket of this call: where it belongs, what was said, how it ended, what happened to it.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { attachTo, dispose, hungUp, layer, needsLink } from "../actions";
import { openPromise } from "../day";
import { hasTypedSince, isFocusFree } from "../focus";
import { label, t } from "../i18n";
import { journey } from "../journey";
import { isTyping } from "../keys";
import { isOutcomeMissing, phase, tame } from "../line";
import { columnNotes } from "../notes";
import type { TicketSection } from "../protocol";
import { isLinked, pending, sections } from "../store";
import { duration } from "../time";
import { play } from "../player";
import { closeTicket, detach, mainTicket, newTicket, whyNoTicket } from "../tickets";
import { Comments } from "./Comments";
import { HandOver } from "./HandOver";
import { Icon } from "./Icon";
import { NotesField } from "./NotesField";
import { Subject, TicketFields } from "./TicketFields";
import { Clock, When } from "./When";

export function TicketColumn() {
  const ticket = mainTicket.value;
  return (
    <section class="column ticket" aria-label={t("ticket.title")}>
      <h2>
        {ticket ? (
          <>
            <span>
              {t("ticket.title")} <span class="figures">#{ticket.ticket_id}</span>
            </span>
            <Subject ticket={ticket} place="column" />
            <HandOver ticket={ticket} />
            {ticket.ticket_id === sections.opened.value?.ticket_id && !sections.call.value && (
              <button type="button" class="icon-button" aria-label={t("ticket.close")} title={t("ticket.close")} onClick={closeTicket}>
                <Icon name="close" />
              </button>
            )}
          </>
        ) : (
          t("ticket.title")
        )}
      </h2>
      {ticket ? <Ticket ticket={ticket} /> : <NoTicket />}
    </section>
  );
}

function NoTicket() {
  const isWaiting = phase.value === "ringing" || phase.value === "offered";
  const why = whyNoTicket();
  return (
    <>
      <p class="teach">{isWaiting ? t("ticket.opens") : t("ticket.teach")}</p>
      <p>
        <button
          type="button"
          class={`button ${pending.value.has("ticket.new") ? "pending" : ""}`}
          aria-disabled={why ? true : undefined}
          title={why || t("ticket.new_hint")}
          data-action="ticket.new"
          onClick={() => !why && newTicket()}
        >
          <Icon name="ticket" /> {t("ticket.new")}
        </button>
      </p>
    </>
  );
}

function Ticket({ ticket }: { ticket: TicketSection }) {
  const isCalls = ticket === sections.ticket.value;
  return (
    <>
      {isCalls ? <Attach ticket={ticket} /> : <bdi class="faint">{tame(ticket.customer_name)}</bdi>}
      <TicketFields ticket={ticket} place="column" />
      <NotesField notes={columnNotes} ticketId={ticket.ticket_id} place="column" />
      {isCalls && <Dispositions ticket={ticket} />}
      <Below ticket={ticket} />
    </>
  );
}

const isCommenting = signal(false);

/** Beneath the notes: what happened, or what the colleagues say. */
function Below({ ticket }: { ticket: TicketSection }) {
  const tabs = [
    { id: "timeline", text: t("timeline.title"), count: undefined, isOn: !isCommenting.value },
    { id: "comments", text: t("comments.title"), count: ticket.comments.length, isOn: isCommenting.value },
  ];
  const move = (event: KeyboardEvent) => {
    if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    isCommenting.value = event.key === "Home" ? false : event.key === "End" ? true : !isCommenting.value;
    queueMicrotask(() => document.getElementById(isCommenting.value ? "below-tab-comments" : "below-tab-timeline")?.focus());
  };
  return (
    <div class="below">
      <div class="below-head">
        <div class="tabs" role="tablist" aria-label={t("ticket.below")} onKeyDown={move}>
          {tabs.map((tab) => (
            <button
              key={tab.id}
              type="button"
              id={`below-tab-${tab.id}`}
              class="tab"
              role="tab"
              aria-selected={tab.isOn}
              aria-controls="below-panel"
              tabIndex={tab.isOn ? 0 : -1}
              data-below={tab.id}
              onClick={() => (isCommenting.value = tab.id === "comments")}
            >
              {tab.text}
              {tab.count !== undefined && <span class={`count figures ${tab.count ? "" : "none"}`}>{tab.count}</span>}
            </button>
          ))}
        </div>
        <PromiseButton />
      </div>
      <div id="below-panel" role="tabpanel" aria-labelledby={isCommenting.value ? "below-tab-comments" : "below-tab-timeline"}>
        {isCommenting.value ? <Comments ticket={ticket} place="column" /> : <Timeline ticket={ticket} />}
      </div>
    </div>
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
      {ticket.is_attached && (
        <button
          type="button"
          class={`button small ${pending.value.has("ticket.detach") ? "pending" : ""}`}
          aria-disabled={isLinked.value && sections.call.value ? undefined : true}
          title={t("ticket.detach_hint")}
          data-action="ticket.detach"
          onClick={() => isLinked.value && sections.call.value && detach(ticket.ticket_id)}
        >
          {t("ticket.detach")}
        </button>
      )}
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

/** The call whose outcome got the focus when it was over. */
let outcomeFor = "";

function Dispositions({ ticket }: { ticket: TicketSection }) {
  const box = useRef<HTMLDivElement>(null);
  const isOver = phase.value === "wrap_up";
  useEffect(() => {
    const id = sections.call.peek()?.call_id ?? "";
    if (!isOver || !id || outcomeFor === id) return;
    outcomeFor = id;
    // Whoever writes goes on writing; who has hung up here, and has written nothing since, is through with it.
    const isThrough = hungUp.id === id && !hasTypedSince(hungUp.at);
    const mayMove = !layer.peek() && (isFocusFree() || (isTyping() && isThrough));
    if (mayMove && !ticket.disposition) box.current?.querySelector("button")?.focus({ preventScroll: true });
  }, [isOver]);
  if (ticket.dispositions.length === 0) return null;
  return (
    <div ref={box} class="dispositions" role="group" aria-label={t("ticket.disposition")}>
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

/** To the form that promises the caller a callback. */
function PromiseButton() {
  const why = sections.call.value ? needsLink() : t("why.no_call");
  return (
    <button
      type="button"
      class="button small promise-open"
      aria-disabled={why ? true : undefined}
      title={why || t("promise.title")}
      data-action="promise"
      onClick={() => !why && openPromise()}
    >
      <Icon name="clock" /> {t("ticket.promise")}
    </button>
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
