// The agent's notes on a ticket: saved while they are typed, never overwritten, never lost by a reload or a break. What
// isn't saved yet is kept for this tab until it is. There are two places: the ticket column, and beside a call.

import { effect, signal } from "@preact/signals";
import { CommandError } from "./link";
import type { TicketSection } from "./protocol";
import { isLinked } from "./store";
import { besideTicket, mainTicket } from "./tickets";
import { link } from "./wire";

export type NotesState = "clean" | "dirty" | "saving" | "saved" | "failed" | "conflict";

const SAVE_AFTER_MS = 600;
const RETRY_MS = 3_000;
const RETRY_LIMIT_MS = 30_000;
const DRAFT = "ringdesk.draft.";

/** The notes of the ticket that stands in one place. */
export class Notes {
  readonly text = signal("");
  readonly state = signal<NotesState>("clean");
  readonly savedAt = signal(0);
  readonly problem = signal("");
  private ticketId = 0;
  private version = 0;
  private serverText = "";
  private sent: string | null = null;
  private timer = 0;
  private failures = 0;

  /** `ticket` is read in an effect: its signals are followed. */
  constructor(private readonly ticket: () => TicketSection | null) {}

  isUnsaved(): boolean {
    return ["dirty", "saving", "failed", "conflict"].includes(this.state.peek());
  }

  type(text: string): void {
    this.text.value = text;
    sessionStorage.setItem(DRAFT + this.ticketId, text);
    if (this.state.peek() !== "conflict" && this.sent === null) {
      this.state.value = "dirty";
      this.later(SAVE_AFTER_MS);
    }
  }

  /** Saves at once what is still waiting. */
  async flush(): Promise<void> {
    if (this.state.peek() === "dirty" || this.state.peek() === "failed") await this.save();
  }

  resolve(choice: "mine" | "theirs"): void {
    if (choice === "theirs") {
      this.settle(this.serverText);
    } else {
      this.state.value = "dirty";
      void this.save();
    }
  }

  /** Follows the ticket and the link. */
  watch(): void {
    effect(() => this.follow(this.ticket()));
    effect(() => {
      if (isLinked.value && this.state.peek() === "failed") void this.save();
    });
  }

  private follow(ticket: TicketSection | null): void {
    if (!ticket) {
      if (this.ticketId) this.change(0, "", 0);
      return;
    }
    if (ticket.ticket_id !== this.ticketId) {
      this.change(ticket.ticket_id, ticket.note, ticket.version);
      return;
    }
    if (ticket.version <= this.version && ticket.note === this.serverText) return;
    this.version = ticket.version;
    this.serverText = ticket.note;
    if (ticket.note === this.text.peek() || ticket.note === this.sent) return;
    if (this.isUnsaved()) this.state.value = "conflict";
    else this.settle(ticket.note);
  }

  private later(delay: number): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.save(), delay);
  }

  private settle(text: string): void {
    this.text.value = text;
    this.state.value = "clean";
    sessionStorage.removeItem(DRAFT + this.ticketId);
  }

  private async save(): Promise<void> {
    window.clearTimeout(this.timer);
    if (this.sent !== null || !this.ticketId) return;
    const ticket = this.ticketId;
    const text = this.text.peek();
    this.sent = text;
    this.state.value = "saving";
    try {
      await link.command("ticket.note", { ticket_id: ticket, text, version: this.version });
      if (ticket === this.ticketId) this.saved(text);
    } catch (error) {
      if (ticket === this.ticketId) this.failed(error);
    }
  }

  private saved(text: string): void {
    this.sent = null;
    this.failures = 0;
    this.savedAt.value = Date.now();
    this.problem.value = "";
    // The section with the new version may come just before or just after the answer.
    if (this.serverText !== text) {
      this.serverText = text;
      this.version += 1;
    }
    if (this.text.peek() === text) {
      this.state.value = "saved";
      sessionStorage.removeItem(DRAFT + this.ticketId);
    } else {
      this.state.value = "dirty";
      this.later(SAVE_AFTER_MS);
    }
  }

  private failed(error: unknown): void {
    this.sent = null;
    const problem = error instanceof CommandError ? error : new CommandError("unknown", String(error));
    if (problem.id === "note_changed") {
      this.state.value = "conflict";
      return;
    }
    this.state.value = "failed";
    this.problem.value = ["no_link", "link_lost", "timeout"].includes(problem.id) ? "" : problem.message;
    // A broken link retries when it is back; whatever else may mend itself is tried again, ever more seldom.
    this.failures += 1;
    if (problem.id !== "no_link") this.later(Math.min(RETRY_LIMIT_MS, RETRY_MS * this.failures));
  }

  private change(id: number, text: string, at: number): void {
    window.clearTimeout(this.timer);
    this.ticketId = id;
    this.version = at;
    this.serverText = text;
    this.sent = null;
    this.problem.value = "";
    this.settleOrRestore(text);
  }

  private settleOrRestore(text: string): void {
    const draft = sessionStorage.getItem(DRAFT + this.ticketId);
    if (draft === null || draft === text) {
      this.settle(text);
      return;
    }
    this.text.value = draft;
    this.state.value = "dirty";
    this.later(SAVE_AFTER_MS);
  }
}

export const columnNotes = new Notes(() => mainTicket.value);
export const besideNotes = new Notes(() => besideTicket.value);
const BOTH = [columnNotes, besideNotes];

/** Saves at once what is still waiting: before a ticket changes, when a field is left, when the page is hidden. */
export async function flushNotes(): Promise<void> {
  await Promise.all(BOTH.map((notes) => notes.flush()));
}

export function watchNotes(): void {
  for (const notes of BOTH) notes.watch();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) void flushNotes();
  });
  window.addEventListener("beforeunload", (event) => {
    if (BOTH.some((notes) => notes.isUnsaved()) && !isLinked.value) event.preventDefault();
    else void flushNotes();
  });
}
