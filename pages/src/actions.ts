// Everything an agent can do, once: the buttons, the keys and the palette all ask here what it is called, whether
// it can be done now, why not, and do it here.

import { signal } from "@preact/signals";
import { find, label, t } from "./i18n";
import { isLive, isMuted, localMute, phase } from "./line";
import { CommandError } from "./link";
import { answerPhone, declinePhone, hangUpLocally, isRinging, phoneCall, registration, setPhoneMuted } from "./phone";
import type { CallAction, CommandName, Commands } from "./protocol";
import { signOut } from "./session";
import { clearPending, isLinked, note, pending, sections, setPending } from "./store";
import { link } from "./wire";
import { flushNotes } from "./notes";
import { microphone } from "./microphone";

export interface Action {
  id: string;
  key: string;
  label(): string;
  /** Why it can't be done now; empty when it can. */
  blocked(): string;
  run(): void;
}

/** Which of the page's layers is open. */
export const layer = signal<Layer>("");
type Layer = "" | "state" | "phone" | "user" | "keypad" | "menus" | "palette" | "keys" | "links" | "parked" | "dial" | "transfer" | "add" | "day" | "hand_over";
export const answerOnArrival = signal("");
/** The call that the agent hung up here, and when: what he does next is to name its outcome. */
export const hungUp = { id: "", at: 0 };

const HANG_UP_PATIENCE_MS = 4_000;
const PENDING_PATIENCE_MS = 8_000;
/** A key meant for the call before must not reach this one. */
const NEW_CALL_GUARD_MS = 600;

export function explain(error: unknown): string {
  if (!(error instanceof CommandError)) return String(error);
  if (error.id === "no_link") return t("error.no_link");
  if (error.id === "link_lost") return t("error.link_lost");
  if (error.id === "timeout") return t("error.timeout");
  const blanks = { ...error.values, why: error.values["why"] || t("refusal.now") };
  return find(`refusal.${error.id}`, blanks) || error.message || error.id;
}

/** Sends a command and shows it as pending until `isConfirmed` holds in the sections. */
export async function ask<N extends CommandName>(
  action: string,
  name: N,
  args: Commands[N],
  isConfirmed: () => boolean,
  { timeout, patience = PENDING_PATIENCE_MS }: { timeout?: number; patience?: number } = {},
): Promise<boolean> {
  if (pending.peek().has(action)) return false;
  setPending(action, isConfirmed);
  try {
    await link.command(name, args, timeout);
    window.setTimeout(() => {
      if (pending.peek().get(action) === isConfirmed) {
        clearPending(action);
        note(t("error.unconfirmed"));
      }
    }, patience);
    return true;
  } catch (error) {
    clearPending(action);
    note(explain(error));
    return false;
  }
}

export const needsLink = (): string => (isLinked.value ? "" : t("why.no_link"));
export const callId = (): string => sections.call.value?.call_id ?? "";
const callState = (): string => sections.call.value?.state ?? "";

/** Why this can't be done with the call that stands here: the service's own words. */
export function refused(name: CallAction): string {
  const call = sections.call.value;
  return needsLink() || (isLive(call) ? call.can?.[name] ?? "" : t("why.not_talking"));
}

const isOutside = (): boolean => sections.phone.value?.kind === "outside";
const isAtDesk = (): boolean => sections.phone.value?.kind === "desk" || isOutside();

let callSeen = { id: "", at: 0 };

/** Whether this call has stood on the page long enough for a key to be meant for it. */
function isSettled(): boolean {
  const id = callId();
  if (callSeen.id !== id) callSeen = { id, at: performance.now() };
  return performance.now() - callSeen.at > NEW_CALL_GUARD_MS;
}

export function seeCall(): void {
  isSettled();
}

/** Another tab of this browser has the phone. */
const isPhoneBeside = (): boolean => registration.value === "elsewhere";
const isComing = (): boolean => phase.value === "ringing" || phase.value === "offered";

const answer: Action = {
  id: "answer",
  get key() {
    return sections.second.value ? "" : "F2"; // then it is the key that takes the second call
  },
  label: () => t("call.answer"),
  blocked: () => {
    if (isOutside() && phase.value === "ringing") return t("why.key_on_phone");
    if (isAtDesk()) return phase.value === "ringing" ? refused("answer") : t("why.nothing_rings");
    if (phoneCall.value?.stage === "answering") return t("why.answering");
    return isRinging.value || isComing() ? "" : t("why.nothing_rings");
  },
  run: () => {
    if (isAtDesk()) {
      const id = callId();
      const isUp = () => callId() !== id || phase.value !== "ringing";
      void ask("answer", "call.answer", { call_id: id }, isUp); // the exchange asks the phone to go off the hook
      return;
    }
    if (microphone.value !== "ok" && microphone.value !== "unknown") note(t("mic.cannot_answer"));
    const call = sections.call.value;
    if (!isRinging.value && !isPhoneBeside()) {
      if (call) answerOnArrival.value = call.call_id; // the invitation is still on its way
      return;
    }
    void answerPhone(call?.call_id).then((isAnswered) => {
      if (!isAnswered || !call || !isLinked.value) return;
      // The phone has answered already; this only tells the service who pressed.
      link.command("call.answer", { call_id: call.call_id }).catch(() => undefined);
    });
  },
};

const hangUp: Action = {
  id: "hang_up",
  key: "F4",
  label: () => (isComing() ? t("call.decline") : t("call.hang_up")),
  blocked: () => {
    if (isComing()) {
      if (isLinked.value && sections.call.value?.can?.decline) return sections.call.value.can.decline;
      if (isOutside()) return t("why.key_on_phone");
      if (isAtDesk()) return t("why.decline_on_phone");
      return isRinging.value || isPhoneBeside() ? "" : t("why.not_ringing_yet");
    }
    if (phoneCall.value && !isLinked.value) return "";
    return isLive(sections.call.value) ? refused("hang_up") : t("why.no_call");
  },
  run: () => {
    if (isRinging.value || (isPhoneBeside() && isComing())) {
      if (isSettled()) declinePhone();
      return;
    }
    if (!isLinked.value) {
      hangUpLocally();
      return;
    }
    const id = callId();
    Object.assign(hungUp, { id, at: performance.now() });
    const gone = () => sections.call.value?.call_id !== id || !isLive(sections.call.value);
    void ask("hang_up", "call.hang_up", { call_id: id }, gone, { timeout: HANG_UP_PATIENCE_MS }).then((isDone) => {
      if (!isDone && !gone() && !isLinked.value) hangUpLocally();
    });
  },
};

const hold: Action = {
  id: "hold",
  get key() {
    return phase.value === "consulting" ? "" : "F6"; // then it is the key that ends the consultation
  },
  label: () => (callState() === "on_hold" ? t("call.retrieve") : t("call.hold")),
  blocked: () => refused(callState() === "on_hold" ? "retrieve" : "hold"),
  run: () => {
    const id = callId();
    const isHeld = callState() === "on_hold";
    const before = callState();
    const moved = () => callState() !== before || callId() !== id;
    void ask("hold", isHeld ? "call.retrieve" : "call.hold", { call_id: id }, moved);
  },
};

const mute: Action = {
  id: "mute",
  key: "F7",
  label: () => (isMuted.value ? t("call.unmute") : t("call.mute")),
  blocked: () => (!isLinked.value && phoneCall.value?.stage === "up" ? "" : refused("mute")),
  run: () => {
    const id = callId();
    const muted = !isMuted.value;
    localMute.value = { callId: id, muted };
    setPhoneMuted(muted); // at once and here; the exchange follows
    if (!isLinked.value || !id) return;
    const heard = () => sections.call.value?.muted === muted || callId() !== id;
    void ask("mute", "call.mute", { call_id: id, muted }, heard).then((isDone) => {
      // Muted here is muted, whatever the exchange says. Unmuting needs both.
      if (!isDone && !muted) localMute.value = null;
    });
  },
};

const pauseRecording: Action = {
  id: "pause_recording",
  key: "",
  label: () => (sections.call.value?.recording === "paused" ? t("call.resume_recording") : t("call.pause_recording")),
  blocked: () => refused("pause_recording"),
  run: () => {
    const id = callId();
    const paused = sections.call.value?.recording !== "paused";
    const done = () => callId() !== id || sections.call.value?.recording === (paused ? "paused" : "on");
    void ask("pause_recording", "call.pause_recording", { call_id: id, paused }, done);
  },
};

const keypad: Action = {
  id: "keypad",
  key: "",
  label: () => t("call.keypad"),
  // Without the service the phone itself sends them.
  blocked: () => (!isLinked.value && phoneCall.value?.stage === "up" ? "" : refused("send_digits")),
  run: () => (layer.value = layer.value === "keypad" ? "" : "keypad"),
};

const isBusy = (): boolean =>
  ["RESERVED", "RINGING", "TALKING"].includes(sections.agent.value?.state ?? "") || isLive(sections.call.value);

function stateReached(state: string, reason: string): () => boolean {
  return () => {
    const agent = sections.agent.value;
    if (!agent) return true;
    if (agent.state === state && (!reason || agent.reason === reason)) return true;
    return agent.next_state === state && (!reason || agent.next_reason === reason);
  };
}

const ready: Action = {
  id: "ready",
  key: "F8",
  label: () => t("agent.ready"),
  blocked: () => {
    const agent = sections.agent.value;
    if (agent?.state === "READY") return t("why.is_ready");
    if (isBusy() && (!agent?.next_state || agent.next_state === "READY")) return t("why.ready_after_call");
    return needsLink();
  },
  run: () => {
    const wasBusy = isBusy();
    const reached = stateReached("READY", "");
    // A caller may be waiting: then the state goes on to the next call before the page has seen it.
    void ask("state", "agent.ready", {}, () => reached() || (!wasBusy && isBusy()));
  },
};

const extend: Action = {
  id: "extend",
  key: "",
  label: () => t("agent.extend"),
  blocked: () => {
    if (sections.agent.value?.state !== "WRAP_UP") return t("why.not_wrapping_up");
    if (sections.agent.value.overrun_at) return t("why.outcome_missing");
    if (!sections.agent.value.until) return t("why.no_limit");
    return sections.agent.value.extensions_left === 0 ? t("why.no_more_time") : needsLink();
  },
  run: () => {
    const until = sections.agent.value?.until;
    const moved = () => sections.agent.value?.until !== until;
    void ask("extend", "agent.extend_wrap_up", {}, moved);
  },
};

const leaveWork: Action = {
  id: "sign_out",
  key: "",
  label: () => (isBusy() ? t("agent.sign_out_after") : t("agent.sign_out")),
  blocked: needsLink,
  run: () => void goHome(),
};

/** Signs off from the queues and, when no call is left to finish, from the page too. */
async function goHome(): Promise<void> {
  await flushNotes();
  const isAfterCall = isBusy();
  const isDone = await ask("state", "agent.sign_out", {}, stateReached("LOGGED_OUT", ""));
  if (isDone && !isAfterCall) await signOut();
}

export function reasonAction(name: string): Action {
  const reason = sections.agent.value?.reasons.find((each) => each.name === name);
  return {
    id: `not_ready.${name}`,
    key: "",
    label: () => t("agent.not_ready_for", { reason: label(reason?.label, name) }),
    blocked: needsLink,
    run: () => void ask("state", "agent.not_ready", { reason: name }, stateReached("NOT_READY", name)),
  };
}

export const strip = { answer, hangUp, hold, mute, pauseRecording, keypad, extend, ready };
export const signOutAction = leaveWork;

/** For the keys: F8 goes back to work, or opens the list of reasons to stop. */
export function toggleReady(): void {
  if (!ready.blocked()) ready.run();
  else if (!needsLink()) layer.value = "state";
}

export async function attachTo(ticketId: number): Promise<void> {
  const id = callId();
  await flushNotes();
  const moved = () => sections.ticket.value?.ticket_id === ticketId;
  await ask(`attach.${ticketId}`, "ticket.attach", { call_id: id, ticket_id: ticketId }, moved);
}

export function dispose(disposition: string): void {
  const ticket = sections.ticket.value;
  if (!ticket) return;
  const set = () => sections.ticket.value?.disposition === disposition;
  const args = { ticket_id: ticket.ticket_id, call_id: callId(), disposition };
  void ask(`disposition.${disposition}`, "ticket.disposition", args, set);
}

export function chooseCustomer(customerId: number): void {
  const chosen = () => sections.customer.value?.customer?.id === customerId;
  void ask(`customer.${customerId}`, "customer.choose", { call_id: callId(), customer_id: customerId }, chosen);
}

export function renameCustomer(customerId: number, name: string, company: string): Promise<boolean> {
  const renamed = () => {
    const customer = sections.customer.value?.customer;
    return customer?.id !== customerId || (customer.name === name && customer.company === company);
  };
  return ask("customer.rename", "customer.rename", { customer_id: customerId, name, company }, renamed);
}

export function revealNumber(): void {
  const id = callId();
  const shown = () => !sections.call.value?.number_masked || callId() !== id;
  void ask("reveal", "number.reveal", { call_id: id }, shown);
}
