// A second call: it waits while the agent talks, or was put aside. Like actions.ts, each thing stands here once.
// Accepting asks the service, which puts the first caller on hold; only when that has happened does the phone answer.

import { ask, needsLink } from "./actions";
import type { Action } from "./actions";
import { t } from "./i18n";
import type { Key } from "./i18n";
import { tame } from "./line";
import { answerSecond, declineSecond, secondCall } from "./phone";
import type { SecondSection } from "./protocol";
import { note, sections } from "./store";

/** On hold first (5 s), then answered (5 s). */
const ACCEPT_MS = 13_000;
/** A key meant for something else must not reach a call that has only just come. */
const NEW_CALL_GUARD_MS = 600;

/** The service's word; without it what the phone itself knows. */
export function second(): SecondSection | null {
  const told = sections.second.value;
  return told && told.call_id !== sections.call.value?.call_id ? told : null;
}

export const KIND_WORDS: Record<string, Key> = {
  internal: "second.internal",
  consult: "second.consult",
  transfer: "second.transfer",
  direct: "second.direct",
};

export function whoWaits(value: SecondSection): string {
  return tame(value.name) || tame(value.number) || t("caller.unknown");
}

let seen = { id: "", at: 0 };

function isSettled(id: string): boolean {
  if (seen.id !== id) seen = { id, at: performance.now() };
  return performance.now() - seen.at > NEW_CALL_GUARD_MS;
}

export function seeSecond(): void {
  const value = second();
  if (value) isSettled(value.call_id);
}

const accept: Action = {
  id: "accept",
  key: "F2",
  label: () => t(second()?.state === "waiting" ? "second.accept" : "second.take_back"),
  blocked: () => {
    const value = second();
    if (!value) return t("why.nothing_waits");
    return needsLink() || value.accept;
  },
  run: () => {
    const value = second();
    if (!value || !isSettled(value.call_id)) return;
    const id = value.call_id;
    const isTaken = () => second()?.call_id !== id;
    void ask("accept", "call.accept", { call_id: id }, isTaken, { timeout: ACCEPT_MS }).then(async (isDone) => {
      if (!isDone || value.state !== "waiting" || sections.phone.value?.kind !== "browser") return;
      if (!(await answerSecond()) && secondCall.value) note(t("mic.cannot_answer"));
    });
  },
};

const decline: Action = {
  id: "decline_second",
  key: "Shift+F2",
  label: () => t("second.decline"),
  blocked: () => {
    const value = second();
    if (!value) return secondCall.value?.stage === "ringing" ? "" : t("why.nothing_waits");
    return value.decline;
  },
  run: () => {
    const value = second();
    if (!value || needsLink()) {
      declineSecond();
      return;
    }
    if (!isSettled(value.call_id)) return;
    const id = value.call_id;
    void ask("decline_second", "call.decline", { call_id: id }, () => second()?.call_id !== id);
  },
};

export const secondActions = { accept, decline };
