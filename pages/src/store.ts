// What the page knows: the sections as the service sent them, the state of the link, and what has been asked
// for and isn't confirmed yet. Sections are replaced whole and never edited here.

import { batch, computed, effect, signal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import type { LinkPhase } from "./link";
import type { SectionName, Sections } from "./protocol";
import { learnServerTime } from "./time";

export const sections: { [N in SectionName]: Signal<Sections[N] | null> } = {
  me: signal<Sections["me"] | null>(null),
  phone: signal<Sections["phone"] | null>(null),
  agent: signal<Sections["agent"] | null>(null),
  call: signal<Sections["call"]>(null),
  customer: signal<Sections["customer"]>(null),
  ticket: signal<Sections["ticket"]>(null),
  queues: signal<Sections["queues"] | null>(null),
  today: signal<Sections["today"] | null>(null),
  link: signal<Sections["link"] | null>(null),
  parked: signal<Sections["parked"] | null>(null),
  directory: signal<Sections["directory"]>(null),
  missed: signal<Sections["missed"] | null>(null),
  callbacks: signal<Sections["callbacks"] | null>(null),
  messages: signal<Sections["messages"] | null>(null),
  colleague: signal<Sections["colleague"]>(null),
  outside_page: signal<Sections["outside_page"]>(null),
  gone: signal<Sections["gone"]>(null),
  tickets: signal<Sections["tickets"]>(null),
  opened: signal<Sections["opened"]>(null),
  ticket_form: signal<Sections["ticket_form"]>(null),
  second: signal<Sections["second"]>(null),
};

export const linkPhase = signal<LinkPhase>({ name: "connecting", attempt: 0 });
export const isLinked = computed(() => linkPhase.value.name === "up");
/** Whether there is a page to show at all: a snapshot came since the sign-in. */
export const isLoaded = computed(() => sections.me.value !== null && sections.agent.value !== null);

export function applySection(name: SectionName, value: unknown): void {
  (sections[name] as Signal<unknown>).value = value;
  if (name === "me" && value) learnServerTime((value as Sections["me"]).server_time);
}

export function applySnapshot(all: Sections): void {
  batch(() => {
    for (const name of Object.keys(sections) as SectionName[]) applySection(name, all[name] ?? null);
  });
}

export function clearSections(): void {
  batch(() => {
    for (const name of Object.keys(sections) as SectionName[]) applySection(name, null);
    pending.value = new Map();
    strip_note.value = "";
  });
}

/** Something short that went wrong with what the agent just pressed; stands in the call strip, beside the buttons. */
export const strip_note = signal("");
let noteTimer = 0;

export function note(text: string): void {
  strip_note.value = text;
  countDown();
}

/** What is said while nobody sees the page waits until somebody does. */
function countDown(): void {
  window.clearTimeout(noteTimer);
  if (!document.hidden) noteTimer = window.setTimeout(() => (strip_note.value = ""), 8_000);
}
document.addEventListener("visibilitychange", () => strip_note.peek() && countDown());

/** What was pressed, by action, until the service's sections confirm it. */
export const pending = signal<ReadonlyMap<string, () => boolean>>(new Map());

export function setPending(action: string, isConfirmed: () => boolean): void {
  pending.value = new Map(pending.value).set(action, isConfirmed);
}

export function clearPending(action: string): void {
  if (!pending.value.has(action)) return;
  const rest = new Map(pending.value);
  rest.delete(action);
  pending.value = rest;
}

effect(() => {
  for (const [action, isConfirmed] of pending.value) {
    if (isConfirmed()) queueMicrotask(() => clearPending(action));
  }
});
