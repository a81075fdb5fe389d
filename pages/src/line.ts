// What the call strip shows, decided in one place from the service's sections, the phone and the link.

import { computed, signal } from "@preact/signals";
import { isLinked, sections } from "./store";
import { phoneCall } from "./phone";
import { t } from "./i18n";
import type { Key } from "./i18n";
import type { CallSection, CallState, Gone } from "./protocol";
import { now, secondsSince } from "./time";

export type Phase =
  | "ready"
  | "not_ready"
  | "logged_out"
  | "reserved"
  | "offered"
  | "ringing"
  | "dialling"
  | "talking"
  | "on_hold"
  | "in_menu"
  | "consulting"
  | "conference"
  | "agent_lost"
  | "wrap_up"
  | "ended";

export function isLive(call: CallSection | null): call is LiveCall {
  return call !== null && !OVER.includes(call.state);
}

const OVER: CallState[] = ["transferring", "parked", "ended"];
type LiveCall = CallSection & { state: Exclude<CallState, "transferring" | "parked" | "ended"> };

const HEARD: Phase[] = ["talking", "on_hold", "in_menu", "consulting", "conference"];

/** Whether somebody is at the other end of the line, even if on hold. */
export const isConnected = computed(() => HEARD.includes(phase.value));

/** The service's word, but when it can't speak the phone's own. */
export const phase = computed<Phase>(() => {
  const call = sections.call.value;
  const agent = sections.agent.value;
  const phone = phoneCall.value;
  if (!isLinked.value && phone) return phone.stage === "up" ? upWithoutLink(call) : "ringing";
  if (isLive(call)) return call.state === "on_hold" && call.menu?.waiting ? "in_menu" : call.state;
  switch (agent?.state) {
    case "WRAP_UP":
      return "wrap_up";
    case "READY":
      return "ready";
    case "RESERVED":
    case "RINGING":
      return "reserved";
    case "TALKING":
      return call ? "ended" : "talking";
    case "NOT_READY":
      return "not_ready";
    default:
      return "logged_out";
  }
});

function upWithoutLink(call: CallSection | null): Phase {
  return call?.state === "on_hold" ? "on_hold" : "talking";
}

export interface Timer {
  seconds: number;
  /** 1 to 0 while it runs out; null when it counts up. */
  left: number | null;
}

let fullWrapUp = { until: "", seconds: 1 };

/** The time that counts now. */
export const timer = computed<Timer>(() => {
  const call = sections.call.value;
  const agent = sections.agent.value;
  const since = (instant: string | null | undefined): Timer => ({
    seconds: instant ? secondsSince(instant) : 0,
    left: null,
  });
  switch (phase.value) {
    case "offered":
    case "ringing":
      if (!isLinked.value && phoneCall.value) return ticking(phoneCall.value.since);
      return since(call?.ringing_since ?? call?.chosen_at);
    case "dialling":
      return since(call?.ringing_since ?? call?.chosen_at);
    case "talking":
    case "conference":
      if (!isLinked.value && phoneCall.value && !call) return ticking(phoneCall.value.since);
      return since(call?.connected_at ?? agent?.since);
    case "on_hold":
    case "consulting": // what counts is how long the caller has been waiting
      return since(call?.held_at ?? call?.connected_at);
    case "in_menu":
      return since(call?.menu?.since);
    case "wrap_up":
      if (agent?.overrun_at) return since(agent.overrun_at); // how long he is over his time
      return agent?.until ? runningOut(agent.since, agent.until) : since(agent?.since);
    default:
      return since(agent?.since);
  }
});

function ticking(start: number): Timer {
  return { seconds: Math.max(0, Math.floor((now() - start) / 1000)), left: null };
}

function runningOut(since: string, until: string): Timer {
  const left = Math.max(0, (Date.parse(until) - now()) / 1000);
  if (fullWrapUp.until !== until) {
    fullWrapUp = { until, seconds: Math.max(1, (Date.parse(until) - Date.parse(since)) / 1000) };
  }
  return { seconds: Math.ceil(left), left: Math.min(1, left / fullWrapUp.seconds) };
}

export type BreakNow = { kind: "ending" | "late"; seconds: number } | null;

/** Whether the agent's break ends soon, or is over already, and for how long that is so. */
export const breakNow = computed<BreakNow>(() => {
  const agent = sections.agent.value;
  if (agent?.state !== "NOT_READY" || !agent.late_at || !agent.warn_at) return null;
  const left = Math.ceil((Date.parse(agent.late_at) - now()) / 1000);
  if (agent.overrun_at || left <= 0) return { kind: "late", seconds: Math.max(0, -left) };
  return now() >= Date.parse(agent.warn_at) ? { kind: "ending", seconds: left } : null;
});

/** Whether nothing but an outcome that isn't named keeps the agent from his next call. */
export const isOutcomeMissing = computed(() => {
  const agent = sections.agent.value;
  return agent?.state === "WRAP_UP" && agent.overrun_at !== null;
});

/** What the agent asked of the microphone, before the service has said it too. */
export const localMute = signal<{ callId: string; muted: boolean } | null>(null);

export const isMuted = computed(() => {
  const call = sections.call.value;
  const local = localMute.value;
  if (local && (!call || local.callId === call.call_id)) return local.muted;
  return call?.muted ?? false;
});

// Control and bidirectional marks in a caller's name could dress it up as another.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Text that a caller chose, made harmless to look at; it is only ever set as text. */
export function tame(text: string, longest = 160): string {
  return text.replace(UNSAFE, "").slice(0, longest);
}

/** What the caller is called by: the file's word, else the network's. */
export function callerName(): string {
  const customer = sections.customer.value;
  const known = customer?.match === "known" ? customer.customer : null;
  return tame(known?.name || sections.call.value?.caller_name || phoneCall.value?.name || "");
}

const GONE_WORDS: Record<Gone["why"], Key> = {
  taken: "gone.taken",
  hung_up: "gone.hung_up",
  missed: "gone.missed",
  elsewhere: "gone.elsewhere",
};
const GONE_S = 20;

/** One line on a pop that was withdrawn just now; empty: there is nothing to say. */
export const goneLine = computed(() => {
  const gone = sections.gone.value;
  if (!gone || secondsSince(gone.at) > GONE_S) return "";
  return gone.why === "taken" && !gone.who ? t("gone.elsewhere") : t(GONE_WORDS[gone.why], { who: tame(gone.who) });
});
