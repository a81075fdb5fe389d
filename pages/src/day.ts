// What an agent owes callers and is told by supervisors: missed calls, callbacks, messages. The lists come from the service;
// here is what can be done with a row, and why not.

import { ask, needsLink } from "./actions";
import type { Action } from "./actions";
import { openBeside } from "./besideTab";
import { t } from "./i18n";
import type { Key } from "./i18n";
import type { CommandName, Commands, MissedRow, PromiseRow } from "./protocol";
import { sections } from "./store";
import { reach } from "./reach";

export const openCallbacks = (): number => (sections.missed.value?.open.length ?? 0) + (sections.callbacks.value?.due ?? 0);
export const unreadMessages = (): number => sections.messages.value?.unread ?? 0;

const me = (): string => sections.me.value?.user_id ?? "";
const findMissed = (id: string): MissedRow | undefined => sections.missed.value?.open.find((row) => row.call_id === id);
const findPromise = (id: string): PromiseRow | undefined => {
  const lists = sections.callbacks.value;
  return [...(lists?.mine ?? []), ...(lists?.team ?? [])].find((row) => row.call_id === id);
};

function does<N extends CommandName>(
  id: string,
  label: Key,
  name: N,
  args: Commands[N],
  blocked: () => string,
  isDone: () => boolean,
): Action {
  return { id, key: "", label: () => t(label), blocked, run: () => void ask(id, name, args, isDone) };
}

/** A colleague has him. */
function held(row: MissedRow): string {
  return row.taken_by && row.taken_by !== me() ? t("missed.taken_by", { name: row.taken_name }) : needsLink();
}

/** The phone must be free to call: the same words as on the button that dials. */
const busy = (): string => reach.dial.blocked();

export function missedActions(row: MissedRow) {
  const args = { call_id: row.call_id };
  const gone = () => !findMissed(row.call_id);
  const isMine = row.taken_by === me();
  return {
    call: does(`missed.call.${row.call_id}`, "missed.call", "missed.call", args, () => held(row) || busy(), () => {
      const now = findMissed(row.call_id);
      return !now || now.taken_by === me();
    }),
    take: isMine
      ? does(`missed.take.${row.call_id}`, "missed.release", "missed.release", args, needsLink, () => findMissed(row.call_id)?.taken_by !== me())
      : does(`missed.take.${row.call_id}`, "missed.take", "missed.take", args, () => held(row), () => gone() || findMissed(row.call_id)?.taken_by === me()),
    close: does(`missed.close.${row.call_id}`, "missed.close", "missed.close", { ...args, result: "no_need" }, () => held(row), gone),
  };
}

export function promiseActions(row: PromiseRow) {
  const args = { call_id: row.call_id };
  const was = row.due_at;
  const moved = () => findPromise(row.call_id)?.due_at !== was;
  const gone = () => !findPromise(row.call_id);
  return {
    call: does(`promise.call.${row.call_id}`, "missed.call", "promise.call", args, () => needsLink() || busy(), () => true),
    snooze: does(`promise.snooze.${row.call_id}`, "promise.snooze", "promise.snooze", args, needsLink, moved),
    done: does(`promise.done.${row.call_id}`, "promise.done", "promise.end", { ...args, result: "done" }, needsLink, gone),
  };
}

/** To a colleague or a queue; his own name takes it to himself. */
export function handPromise(row: PromiseRow, kind: "agent" | "queue", value: string): Promise<boolean> {
  const keeper = row.keeper_id;
  const queue = row.queue;
  const moved = () => {
    const now = findPromise(row.call_id);
    return !now || now.keeper_id !== keeper || now.queue !== queue;
  };
  return ask(`promise.hand.${row.call_id}`, "promise.hand", { call_id: row.call_id, kind, value }, moved);
}

/** To the form that promises a callback, with the keyboard in its first field. */
export function openPromise(): void {
  openBeside("callbacks");
  window.setTimeout(() => document.getElementById("promise-due")?.focus());
}

/** `due`: the time where the company is, as the field gives it. */
export function makePromise(callId: string, due: string, text: string): Promise<boolean> {
  const isThere = () => findPromise(callId) !== undefined;
  return ask("promise.make", "promise.make", { call_id: callId, due, text }, isThere);
}

export function sendMessage(audience: "agent" | "team" | "all", target: string, text: string): Promise<boolean> {
  const before = sections.messages.value?.sent.length ?? 0;
  const isThere = () => (sections.messages.value?.sent.length ?? 0) > before;
  return ask("message.send", "message.send", { audience, target, text }, isThere);
}

export function readMessage(messageId: string): void {
  const isRead = () => sections.messages.value?.received.find((each) => each.message_id === messageId)?.is_read !== false;
  void ask(`message.read.${messageId}`, "message.read", { message_id: messageId }, isRead);
}

/** The wall clock of the company as a date-time field writes it, so many minutes ahead, rounded up to five. */
export function wallTime(instant: number): string {
  const zone = sections.me.value?.time_zone || undefined;
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  return format.format(new Date(instant)).replace(" ", "T");
}
