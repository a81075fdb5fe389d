// Reaching people: dial, send on, consult, bring together, park and fetch, move to another phone. Like actions.ts,
// each thing stands here once, for buttons, keys and palette.

import { signal } from "@preact/signals";
import { ask, callId, layer, needsLink, refused } from "./actions";
import type { Action } from "./actions";
import { remember } from "./directory";
import type { Reachable } from "./directory";
import { t } from "./i18n";
import type { Key } from "./i18n";
import { isLive, phase } from "./line";
import type { PhoneCall } from "./phone";
import type { CallSection, ParkedRow, PartyRow, Target } from "./protocol";
import { sections } from "./store";

/** How long the exchange rings a phone for a command. */
const RING_MS = 30_000;
// A command is answered when it has happened: the own phone must first have been lifted.
const DIAL_MS = 13_000;
const MOVE_MS = 28_000;
/** A colleague may let it ring this long before he joins. */
const JOIN_MS = 35_000;

type Ring = { why: "dial" } | { why: "move"; callId: string } | { why: "fetch"; slot: string };

// The page answers by itself when the ring is what it, or another tab of this browser, has asked for, and never
// otherwise: the tab with the phone need not be the one in which was pressed.
let expected: { ring: Ring; until: number } | null = null;
const tabs = new BroadcastChannel("ringdesk.expected");
tabs.onmessage = ({ data }: MessageEvent<Ring | null>) => (expected = data && lasting(data));

function lasting(ring: Ring): typeof expected {
  return { ring, until: performance.now() + RING_MS };
}

function expect(ring: Ring): void {
  expected = lasting(ring);
  tabs.postMessage(ring);
}

export function expectNothing(): void {
  if (expected) tabs.postMessage(null);
  expected = null;
}

/** Whether this ring is the one that a command of this page has caused. */
export function isExpected(ringing: PhoneCall, shown: CallSection | null): boolean {
  if (!expected || performance.now() > expected.until) return false;
  const { ring } = expected;
  const now = isLive(shown) ? shown : null;
  switch (ring.why) {
    case "dial":
      return ringing.isAnswerNow && now?.direction !== "inbound";
    case "move":
      return now?.call_id === ring.callId;
    case "fetch":
      return now?.slot === ring.slot;
  }
}

const call = (): CallSection | null => sections.call.value;
const isOther = (id: string): boolean => call()?.call_id !== id || !isLive(call());

/** Why nobody can be called now, whoever it is. */
function dialBlocked(): string {
  if (isLive(call()) || phase.value === "ended") return t("why.in_call");
  const state = sections.agent.value?.state;
  if (state === "RESERVED" || state === "RINGING") return t("why.call_coming");
  if (!sections.phone.value?.kind || sections.phone.value.state === "unavailable") return t("why.no_phone");
  if (sections.phone.value.kind === "outside") return t("refusal.phone_outside");
  return needsLink();
}

function open(name: "dial" | "transfer" | "add" | "parked"): void {
  layer.value = layer.value === name ? "" : name;
}

const dial: Action = {
  id: "dial",
  key: "F3",
  label: () => t("reach.dial"),
  blocked: dialBlocked,
  run: () => open("dial"),
};

const transfer: Action = {
  id: "transfer",
  get key() {
    return phase.value === "consulting" ? "" : "F9";
  },
  label: () => t("reach.transfer"),
  // Open as long as one of the two ways is.
  blocked: () => refused("consult") && refused("transfer"),
  run: () => open("transfer"),
};

const add: Action = {
  id: "add_party",
  key: "F10",
  label: () => t("reach.add"),
  blocked: () => refused("add_party"),
  run: () => open("add"),
};

function onCall(id: "complete" | "cancel" | "conference", key: string, name: Key, isDone: () => boolean): Action {
  return {
    id,
    key,
    label: () => t(name),
    blocked: () => refused(id),
    run: () => {
      const own = callId();
      void ask(id, `call.${id}`, { call_id: own }, () => isOther(own) || isDone());
    },
  };
}

const complete = onCall("complete", "F9", "reach.complete", () => !call()?.consult);
const cancel = onCall("cancel", "F6", "reach.cancel", () => !call()?.consult);
const conference = onCall("conference", "F10", "reach.conference", () => call()?.state === "conference");

const move: Action = {
  id: "move",
  key: "",
  label: () => (sections.phone.value?.kind === "browser" ? t("reach.move_desk") : t("reach.move_browser")),
  blocked: () => refused("move"),
  run: () => {
    const own = callId();
    const before = sections.phone.value?.endpoint;
    const to = sections.phone.value?.kind === "browser" ? "desk" : "browser";
    expect({ why: "move", callId: own });
    const isThere = () => isOther(own) || sections.phone.value?.endpoint !== before;
    void ask("move", "call.move", { call_id: own, phone: to }, isThere, { timeout: MOVE_MS }).then(unlessDone);
  },
};

function unlessDone(isDone: boolean): void {
  if (!isDone) expectNothing();
}

const parked: Action = {
  id: "parked",
  key: "",
  label: () => t("parked.title"),
  blocked: needsLink,
  run: () => open("parked"),
};

export const reach = { dial, transfer, complete, cancel, conference, add, move, parked };

/** The number that the agent chose to show outside; empty: his default. */
export const callerId = signal("");

/** A target with the number to be shown, where that means something. */
function aimed(who: Reachable): Target {
  const allowed = sections.directory.value?.caller_ids ?? [];
  const isChosen = who.target.kind === "outside" && allowed.slice(1).some((each) => each.number === callerId.value);
  return isChosen ? { ...who.target, caller_id: callerId.value } : who.target;
}

/** What can be done with whoever was picked, from each of the panels. */
export function dialTo(who: Reachable): void {
  if (who.target.kind === "parking") {
    fetchAction(who.target.value).run();
    return;
  }
  const before = callId();
  remember(who);
  expect({ why: "dial" });
  const isMade = () => isLive(call()) && callId() !== before;
  void ask("dial", "call.dial", { target: aimed(who) }, isMade, { timeout: DIAL_MS }).then(unlessDone);
}

export function transferTo(who: Reachable): void {
  const own = callId();
  remember(who);
  void ask("transfer", "call.transfer", { call_id: own, target: aimed(who) }, () => isOther(own));
}

export function consultWith(who: Reachable): void {
  const own = callId();
  remember(who);
  const isBegun = () => isOther(own) || Boolean(call()?.consult);
  void ask("transfer", "call.consult", { call_id: own, target: aimed(who) }, isBegun);
}

export function addParty(who: Reachable): void {
  const own = callId();
  remember(who);
  const before = call()?.parties.length ?? 0;
  const isIn = () => isOther(own) || (call()?.parties.length ?? 0) > before;
  void ask("add_party", "call.add_party", { call_id: own, target: aimed(who) }, isIn, { patience: JOIN_MS });
}

export function dropAction(party: PartyRow): Action {
  return {
    id: `drop.${party.endpoint}`,
    key: "",
    label: () => t("reach.drop", { name: party.label }),
    blocked: () => refused("drop_party"),
    run: () => {
      const own = callId();
      const isGone = () => isOther(own) || !call()?.parties.some((each) => each.endpoint === party.endpoint);
      void ask(`drop.${party.endpoint}`, "call.drop_party", { call_id: own, endpoint: party.endpoint }, isGone);
    },
  };
}

export const PLACES = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
/** Who waits in a place; one whose time is over has left it. */
const parkedAt = (slot: string): ParkedRow | undefined =>
  sections.parked.value?.find((row) => row.slot === slot && !row.is_over);
const isTaken = (slot: string): boolean => parkedAt(slot) !== undefined;

export function parkAction(slot: string): Action {
  return {
    id: `park.${slot}`,
    key: "",
    label: () => t("reach.park_at", { slot }),
    blocked: () => (isTaken(slot) ? t("why.place_taken") : refused("park")),
    run: () => {
      const own = callId();
      void ask("transfer", "call.park", { call_id: own, slot }, () => isOther(own));
    },
  };
}

export function fetchAction(slot: string): Action {
  return {
    id: `fetch.${slot}`,
    key: "",
    label: () => t("reach.fetch"),
    blocked: () => {
      const row = parkedAt(slot);
      if (!row) return t("refusal.slot_empty");
      return row.rings_at ? t("parked.rings_at", { name: row.rings_at }) : dialBlocked();
    },
    run: () => {
      layer.value = "";
      expect({ why: "fetch", slot });
      const isFetched = () => !isTaken(slot) || isLive(call());
      void ask(`fetch.${slot}`, "call.fetch", { slot }, isFetched, { patience: RING_MS }).then(unlessDone);
    },
  };
}
