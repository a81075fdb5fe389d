// The call strip: who, why, how long, and what can be done; always in one place and of one height.

import type { ComponentChildren } from "preact";
import { layer, revealNumber, strip } from "../actions";
import { label, t } from "../i18n";
import type { Key } from "../i18n";
import { stateLabel } from "../labels";
import { breakNow, callerName, goneLine, isConnected, isMuted, isOutcomeMissing, phase, tame, timer } from "../line";
import type { Phase } from "../line";
import { phoneCall } from "../phone";
import { reach } from "../reach";
import { callTrouble, phoneProblem } from "../sound";
import { isLinked, pending, sections, strip_note } from "../store";
import { clockface, duration } from "../time";
import { ActionButton } from "./ActionButton";
import { CallMenus, MenuLine } from "./CallMenus";
import { Icon } from "./Icon";
import { Keypad } from "./Keypad";
import { Menu } from "./Menu";
import { hasOthers, Others } from "./Others";
import { ReachPanel } from "./ReachPanel";
import { SecondCall } from "./SecondCall";

const PHASE_WORDS: Record<Phase, Key> = {
  ready: "state.ready",
  not_ready: "state.not_ready",
  logged_out: "state.logged_out",
  reserved: "state.reserved",
  offered: "phase.offered",
  ringing: "phase.ringing",
  dialling: "phase.dialling",
  talking: "phase.talking",
  on_hold: "phase.on_hold",
  in_menu: "phase.in_menu",
  consulting: "phase.consulting",
  conference: "phase.conference",
  agent_lost: "phase.agent_lost",
  wrap_up: "state.wrap_up",
  ended: "phase.ended",
};

const DIRECTION_WORDS: Record<string, Key> = { outbound: "call.outbound", internal: "call.internal" };
const LONG_HOLD_S = 60;

function CallerNumber() {
  const call = sections.call.value;
  const number = call?.number || phoneCall.value?.number || "";
  if (call && !call.fields.includes("number")) return null;
  return (
    <span class="number figures">
      <bdi>{number ? tame(number) : call ? t("call.withheld") : ""}</bdi>
      {call?.number_place && <span class="place">{tame(call.number_place)}</span>}
      {call?.number_masked && (
        <button
          type="button"
          class={`icon-button ${pending.value.has("reveal") ? "pending" : ""}`}
          aria-disabled={call.can_reveal ? undefined : true}
          title={call.can_reveal ? t("call.reveal") : t("why.may_not_reveal")}
          aria-label={t("call.reveal")}
          onClick={() => call.can_reveal && revealNumber()}
        >
          <Icon name="eye" />
        </button>
      )}
    </span>
  );
}

function Who() {
  const customer = sections.customer.value;
  const known = customer?.match === "known" ? customer.customer : null;
  const name = callerName();
  return (
    <div class="who">
      <div class="who-line">
        <bdi class="name" title={name}>
          {name || (customer?.match === "maybe" ? t("caller.several") : t("caller.unknown"))}
        </bdi>
        {known?.company && <bdi class="company">{tame(known.company)}</bdi>}
        <CallerNumber />
      </div>
      {!hasOthers(sections.call.value) && <Why />}
    </div>
  );
}

const SENT_WORDS: Record<"transfer" | "parked" | "consult" | "added", Key> = {
  transfer: "sent.transfer",
  parked: "sent.parked",
  consult: "sent.consult",
  added: "sent.added",
};

const isOver = (state: string): boolean => ["transferring", "parked", "ended"].includes(state);

const isRising = (state: string): boolean => state === "offered" || state === "ringing";

/** Nobody hears him, or the line is bad: what mends it, before anything else. */
function SoundNote() {
  const trouble = callTrouble();
  if (!trouble) return null;
  return (
    <span class={`sound-note ${trouble.isUrgent ? "problem" : ""}`} role={trouble.isUrgent ? "alert" : "status"} title={trouble.text}>
      <Icon name="alert" /> {trouble.text}
    </span>
  );
}

function Why() {
  const call = sections.call.value;
  if (callTrouble()) {
    return (
      <div class="why">
        <SoundNote />
      </div>
    );
  }
  if (!call) return <div class="why">{isLinked.value ? "" : t("call.without_service")}</div>;
  const direction = DIRECTION_WORDS[call.direction];
  const queue = label(call.queue_label, call.queue);
  const steps = call.menu_path.map((step) => tame(step)).filter(Boolean);
  if (queue && steps.at(-1)?.includes(queue)) steps.pop(); // the way ended where the queue's name says it again
  const path = steps.join(" › ");
  const parts: Record<string, ComponentChildren> = {
    menu_path: path && <bdi key="path" class="path" title={path}>{path}</bdi>,
    queue: queue && <span key="queue" class="queue-chip">{queue}</span>,
    digits: call.digits && <span key="digits">{t("call.digits", { digits: tame(call.digits) })}</span>,
    wait: queue && <span key="wait" class="figures">{t("call.waited", { time: duration(call.waited_s) })}</span>,
  };
  return (
    <div class="why">
      <MenuLine />
      {isOver(call.state) && goneLine.value && <span class="gone">{goneLine.value}</span>}
      {sections.agent.value?.kind === "consult" && <span>{t("call.consulted")}</span>}
      {direction && <span>{t(direction)}</span>}
      {call.callback && <span>{t("call.callback", { attempt: call.callback.attempt })}</span>}
      {call.sent_by && <span class="sent-by">{t(SENT_WORDS[call.sent_by.how], { name: tame(call.sent_by.name) })}</span>}
      {call.fields.map((name) => parts[name])}
      {call.auto_answer && isRising(call.state) && <b>{t("call.answers_itself")}</b>}
      {call.state === "transferring" && <span>{t("call.transferring")}</span>}
      {call.state === "parked" && <span>{t("call.parked", { slot: call.slot })}</span>}
      {isOutcomeMissing.value && <span class="problem">{t("wrap_up.outcome_missing")}</span>}
      {phase.value === "agent_lost" && <span class="problem">{t("call.agent_lost")}</span>}
    </div>
  );
}

/** What the agent must know of his own time before anything else. */
function idleNote(): string {
  if (isOutcomeMissing.value) return t("wrap_up.outcome_missing");
  if (breakNow.value?.kind === "late") return t("break.is_over");
  if (breakNow.value?.kind === "ending") return t("break.ends_soon");
  return "";
}

function Idle() {
  const agent = sections.agent.value;
  const texts: Partial<Record<Phase, Key>> = {
    ready: "idle.ready",
    not_ready: "idle.not_ready",
    wrap_up: "idle.wrap_up",
    reserved: "idle.reserved",
  };
  const text = texts[phase.value];
  let head = t(PHASE_WORDS[phase.value]);
  if (phase.value === "not_ready") head = stateLabel("NOT_READY", agent?.reason ?? "");
  if (phase.value === "ready") head = t("idle.waiting");
  return (
    <div class="who">
      <div class="who-line">
        <span class="name">{head}</span>
      </div>
      <div class="why">{idleNote() || phoneProblem() || goneLine.value || agent?.notice || (text ? t(text) : "")}</div>
    </div>
  );
}

function phaseName(isLong: boolean): string {
  if (isOutcomeMissing.value) return t("phase.overrun");
  return isLong ? t("phase.long_hold") : t(PHASE_WORDS[phase.value]);
}

function Clock() {
  const { seconds, left } = timer.value;
  const isLong = isOutcomeMissing.value || (phase.value === "on_hold" || phase.value === "consulting") && seconds >= LONG_HOLD_S;
  return (
    <div class={`clock ${isLong ? "long" : ""}`} role="timer" aria-label={t(PHASE_WORDS[phase.value])}>
      <span class="phase-word">
        <Recording />
        {isMuted.value && isConnected.value && (
          <span class="muted-word">
            <Icon name="muted" /> {t("phase.muted")}
          </span>
        )}
        <span class="phase-name">{phaseName(isLong)}</span>
      </span>
      <span class="big figures">{clockface(seconds)}</span>
      {left !== null && (
        <span class="runs-out" aria-hidden="true">
          <span style={{ transform: `scaleX(${left.toFixed(4)})` }} />
        </span>
      )}
    </div>
  );
}

function Recording() {
  const state = sections.call.value?.recording;
  if (!state || !isConnected.value) return null;
  const words = { off: t("recording.off"), on: t("recording.on"), paused: t("recording.paused") };
  return (
    <span class={`recording ${state}`} role="status">
      <Icon name="record" /> {words[state]}
    </span>
  );
}

/** The agent's own state, when there is no call to speak of. */
function idleWord(): string {
  const agent = sections.agent.value;
  if (!agent) return "";
  return [stateLabel(agent.state, agent.reason), idleNote()].filter(Boolean).join(". ");
}

/** What a screen reader is told when the call moves on: each change once, no timers. */
function Announcement() {
  const call = sections.call.value;
  const who = callerName() || tame(call?.number ?? "");
  return (
    <div class="unseen" role="status" aria-live="assertive">
      {call ? `${phaseName(false)}: ${who}` : idleWord()}
    </div>
  );
}

export function CallStrip() {
  const call = sections.call.value;
  const isMarked = isMuted.value && isConnected.value;
  const hasCaller = call !== null || phoneCall.value !== null;
  const isHeld = call?.state === "on_hold";
  // Without the service only the phone's own word is known to be true.
  const isStale = !isLinked.value && phoneCall.value === null;
  return (
    <section class={isStale ? "strip stale" : "strip"} data-phase={phase.value} data-pop={call?.token} aria-label={t("strip.title")}>
      <Announcement />
      <span class="strip-note" role="alert" title={strip_note.value}>
        {strip_note.value}
      </span>
      {hasCaller ? <Who /> : <Idle />}
      <Clock />
      <SecondCall />
      <Others />
      <div class="strip-buttons" role="group" aria-label={t("strip.toolbar")}>
        <ActionButton action={strip.answer} icon="answer" kind="answer" />
        <ActionButton action={strip.hangUp} icon="hang_up" kind="hang-up" />
        <span class="gap" />
        <ActionButton action={strip.hold} icon={isHeld ? "retrieve" : "hold"} kind="fixed" isOn={isHeld} />
        <ActionButton action={strip.mute} icon={isMarked ? "muted" : "mute"} kind="fixed" isOn={isMarked} />
        <div class="anchor">
          <ActionButton action={strip.keypad} icon="keypad" isOn={layer.value === "keypad"} />
          <Menu name="keypad" label={t("call.keypad")} role="dialog">
            <Keypad />
          </Menu>
        </div>
        <div class="anchor">
          <ActionButton action={reach.transfer} icon="forward" kind="fixed-reach" isOn={layer.value === "transfer"} />
          <ReachPanel mode="transfer" />
          <ReachPanel mode="add" />
        </div>
        <CallMenus />
        <ActionButton action={strip.pauseRecording} kind="fixed-wide" isOn={call?.recording === "paused"} />
        <span class="gap wide" />
        <div class="anchor">
          <ActionButton action={reach.dial} icon="dial" kind="dial" isOn={layer.value === "dial"} />
          <ReachPanel mode="dial" />
        </div>
        <ActionButton action={strip.extend} />
        <ActionButton action={strip.ready} icon="check" kind="ready" pendingAs="state" />
      </div>
    </section>
  );
}
