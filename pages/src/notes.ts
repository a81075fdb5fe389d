// The agent's notes on the ticket: saved while they are typed, never overwritten, never lost by a reload or a
// break. What isn't saved yet is kept for this tab until it is.

import { effect, signal } from "@preact/signals";
import { CommandError } from "./link";
import { isLinked, sections } from "./store";
import { link } from "./wire";

export type NotesState = "clean" | "dirty" | "saving" | "saved" | "failed" | "conflict";

export const notesText = signal("");
export const notesState = signal<NotesState>("clean");
export const notesSavedAt = signal(0);
export const notesProblem = signal("");

const SAVE_AFTER_MS = 600;
const RETRY_MS = 3_000;
const RETRY_LIMIT_MS = 30_000;
const DRAFT = "ringdesk.draft.";

let ticketId = 0;
let version = 0;
let serverText = "";
let sent: string | null = null;
let timer = 0;
let failures = 0;

export function isUnsaved(): boolean {
  return ["dirty", "saving", "failed", "conflict"].includes(notesState.peek());
}

export function typeNotes(text: string): void {
  notesText.value = text;
  sessionStorage.setItem(DRAFT + ticketId, text);
  if (notesState.value !== "conflict" && sent === null) {
    notesState.value = "dirty";
    later(SAVE_AFTER_MS);
  }
}

/** Saves at once what is still waiting: before a ticket changes, when the field is left, when the page is hidden. */
export async function flushNotes(): Promise<void> {
  if (notesState.value === "dirty" || notesState.value === "failed") await save();
}

export function resolveConflict(choice: "mine" | "theirs"): void {
  if (choice === "theirs") {
    settle(serverText);
  } else {
    notesState.value = "dirty";
    void save();
  }
}

function later(delay: number): void {
  window.clearTimeout(timer);
  timer = window.setTimeout(() => void save(), delay);
}

function settle(text: string): void {
  notesText.value = text;
  notesState.value = "clean";
  sessionStorage.removeItem(DRAFT + ticketId);
}

async function save(): Promise<void> {
  window.clearTimeout(timer);
  if (sent !== null || !ticketId) return;
  const ticket = ticketId;
  const text = notesText.value;
  sent = text;
  notesState.value = "saving";
  try {
    await link.command("ticket.note", { ticket_id: ticket, text, version });
    if (ticket === ticketId) saved(text);
  } catch (error) {
    if (ticket === ticketId) failed(error);
  }
}

function saved(text: string): void {
  sent = null;
  failures = 0;
  notesSavedAt.value = Date.now();
  notesProblem.value = "";
  // The section with the new version may come just before or just after the answer.
  if (serverText !== text) {
    serverText = text;
    version += 1;
  }
  if (notesText.value === text) {
    notesState.value = "saved";
    sessionStorage.removeItem(DRAFT + ticketId);
  } else {
    notesState.value = "dirty";
    later(SAVE_AFTER_MS);
  }
}

function failed(error: unknown): void {
  sent = null;
  const problem = error instanceof CommandError ? error : new CommandError("unknown", String(error));
  if (problem.id === "note_changed") {
    notesState.value = "conflict";
    return;
  }
  notesState.value = "failed";
  notesProblem.value = ["no_link", "link_lost", "timeout"].includes(problem.id) ? "" : problem.message;
  // A broken link retries when it is back; whatever else may mend itself is tried again, ever more seldom.
  failures += 1;
  if (problem.id !== "no_link") later(Math.min(RETRY_LIMIT_MS, RETRY_MS * failures));
}

function changeTicket(id: number, text: string, at: number): void {
  window.clearTimeout(timer);
  ticketId = id;
  version = at;
  serverText = text;
  sent = null;
  notesProblem.value = "";
  settleOrRestore(text);
}

function settleOrRestore(text: string): void {
  const draft = sessionStorage.getItem(DRAFT + ticketId);
  if (draft === null || draft === text) {
    settle(text);
    return;
  }
  notesText.value = draft;
  notesState.value = "dirty";
  later(SAVE_AFTER_MS);
}

/** Follows the ticket section and the link. */
export function watchNotes(): void {
  effect(() => {
    const ticket = sections.ticket.value;
    if (!ticket) {
      if (ticketId) changeTicket(0, "", 0);
      return;
    }
    if (ticket.ticket_id !== ticketId) {
      changeTicket(ticket.ticket_id, ticket.note, ticket.version);
      return;
    }
    if (ticket.version <= version && ticket.note === serverText) return;
    version = ticket.version;
    serverText = ticket.note;
    const mine = notesText.peek();
    if (ticket.note === mine || ticket.note === sent) return;
    if (isUnsaved()) notesState.value = "conflict";
    else settle(ticket.note);
  });
  effect(() => {
    if (isLinked.value && notesState.peek() === "failed") void save();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) void flushNotes();
  });
  window.addEventListener("beforeunload", (event) => {
    if (isUnsaved() && !isLinked.value) event.preventDefault();
    else void flushNotes();
  });
}
