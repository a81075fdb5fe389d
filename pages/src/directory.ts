// Whom a call can reach: colleagues with what they are doing, queues, numbers; found by name, extension or number.
// The order never follows the live state: what one is about to choose doesn't move away.

import { signal } from "@preact/signals";
import { label, t } from "./i18n";
import { stateLabel } from "./labels";
import type { AgentStateName, Colleague, Target } from "./protocol";
import { sections } from "./store";

export type Group = "typed" | "parked" | "recent" | "colleague" | "queue";

export interface Reachable {
  id: string;
  group: Group;
  target: Target;
  name: string;
  /** The extension or number beneath the name. */
  detail: string;
  /** A colleague's state, for the dot; empty for all others. */
  state: AgentStateName | "";
  word: string;
  since: string | null;
  /** Why it is of no use to ring now; empty when it isn't. */
  blocked: string;
}

const IN_CALL: AgentStateName[] = ["RESERVED", "RINGING", "TALKING"];
const SHOWN = 60;
const RECENT = 5;
const STORED = "ringdesk.recent";
const PUNCTUATION = /[\s().\-/\u2010-\u2015]/g;
const NUMBER = /^\+?[0-9]{2,20}$/;

/** What was typed, as a number to dial; empty when it is none. */
export function typedNumber(question: string): string {
  const digits = question.normalize("NFKC").replace(PUNCTUATION, "");
  return NUMBER.test(digits) ? digits : "";
}

interface Recent {
  target: Target;
  name: string;
}

/** Dialled in this browser session; gone with it, and with the agent. */
const recent = signal<Recent[]>(restored());

function restored(): Recent[] {
  try {
    return JSON.parse(sessionStorage.getItem(STORED) ?? "[]") as Recent[];
  } catch {
    return [];
  }
}

export function remember(who: Reachable): void {
  const isOther = (each: Recent) => each.target.kind !== who.target.kind || each.target.value !== who.target.value;
  recent.value = [{ target: who.target, name: who.name }, ...recent.value.filter(isOther)].slice(0, RECENT);
  sessionStorage.setItem(STORED, JSON.stringify(recent.value));
}

export function forgetRecent(): void {
  recent.value = [];
  sessionStorage.removeItem(STORED);
}

function fromColleague(colleague: Colleague): Reachable {
  return {
    id: `agent.${colleague.extension}`,
    group: "colleague",
    target: { kind: "agent", value: colleague.extension },
    name: colleague.name,
    detail: colleague.extension,
    state: colleague.state,
    word: mayWait(colleague) ? t("reach.will_wait") : stateLabel(colleague.state, ""),
    since: colleague.state === "LOGGED_OUT" ? null : colleague.since,
    blocked: IN_CALL.includes(colleague.state) && !mayWait(colleague) ? t("why.busy_target", { name: colleague.name }) : "",
  };
}

/** Whether a call would wait for him: the service says no where one waits already. */
function mayWait(colleague: Colleague): boolean {
  return colleague.state === "TALKING" && colleague.waits;
}

function colleagues(): Reachable[] {
  const own = sections.me.value?.extension;
  const others = (sections.directory.value?.colleagues ?? []).filter((each) => each.extension !== own);
  return others.map(fromColleague);
}

function queues(): Reachable[] {
  return (sections.directory.value?.queues ?? []).map((queue) => ({
    id: `queue.${queue.name}`,
    group: "queue",
    target: { kind: "queue", value: queue.name },
    name: label(queue.label, queue.name),
    detail: "",
    state: "",
    word: t("reach.queue", { waiting: queue.waiting, ready: queue.ready }),
    since: null,
    blocked: "",
  }));
}

function number(value: string, group: Group, name = ""): Reachable {
  return {
    id: `${group}.${value}`,
    group,
    target: { kind: "outside", value },
    name: name || value,
    detail: name && name !== value ? value : "",
    state: "",
    word: t(group === "typed" ? "reach.number" : "reach.recent_number"),
    since: null,
    blocked: "",
  };
}

/** A number that was typed, or asked for by a link. */
export const typed = (value: string): Reachable => number(value, "typed");

/** Recent ones as they are now: a colleague with the state he has today. */
function recents(everybody: Reachable[]): Reachable[] {
  return recent.value.flatMap(({ target, name }): Reachable[] => {
    if (target.kind === "outside") return [number(target.value, "recent", name)];
    const known = everybody.find((each) => each.target.kind === target.kind && each.target.value === target.value);
    return known ? [{ ...known, id: `recent.${known.id}`, group: "recent" }] : [];
  });
}

function fits(who: Reachable, words: string[]): boolean {
  const whole = `${who.name} ${who.detail} ${who.target.value}`.toLocaleLowerCase();
  return words.every((word) => whole.includes(word));
}

/** What the phone's own *7 and a place's digit mean here: fetch who is parked there. */
function parkedAt(question: string): Reachable[] {
  const slot = /^\*7([1-9])$/.exec(question.trim())?.[1];
  if (!slot) return [];
  const row = sections.parked.value?.find((each) => each.slot === slot && !each.is_over);
  return [
    {
      id: `parked.${slot}`,
      group: "parked",
      target: { kind: "parking", value: slot },
      name: row ? row.name || row.number : t("parked.place", { slot }),
      detail: `*7${slot}`,
      state: "",
      word: row ? t("parked.place", { slot }) : "",
      since: row?.since ?? null,
      blocked: row ? "" : t("refusal.slot_empty"),
    },
  ];
}

/** Everybody whom the question may mean, at most as many as anybody reads. */
export function find(question: string, withQueues = true, withParked = false): Reachable[] {
  const parked = withParked ? parkedAt(question) : [];
  if (parked.length) return parked;
  const everybody = [...colleagues(), ...(withQueues ? queues() : [])];
  const digits = typedNumber(question);
  const words = (digits || question.trim().toLocaleLowerCase()).split(/\s+/).filter(Boolean);
  const found = everybody.filter((each) => fits(each, words));
  if (words.length === 0) return [...recents(everybody), ...found].slice(0, SHOWN);
  const exact = found.find((each) => digits && each.detail === digits);
  if (exact) return [exact, ...found.filter((each) => each !== exact)].slice(0, SHOWN);
  const dialled = digits ? [typed(digits)] : [];
  const before = recents(everybody).filter((each) => each.target.kind === "outside" && each.target.value !== digits && fits(each, words));
  return [...dialled, ...found, ...before].slice(0, SHOWN);
}
