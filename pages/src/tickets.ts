// Tickets: which one stands where, the lists, and everything that is asked for about them.

import { batch, computed, effect, signal, untracked } from "@preact/signals";
import { ask, callId, needsLink } from "./actions";
import { openBeside } from "./besideTab";
import { t } from "./i18n";
import type { ListedTicket, ToServer, TicketChanges, TicketSection, TicketView } from "./protocol";
import { isLinked, note, sections } from "./store";
import { link } from "./wire";

/** The ticket in the ticket column: the call's own while there is a call, else the one opened from a list. */
export const mainTicket = computed<TicketSection | null>(() => {
  if (sections.call.value) return sections.ticket.value;
  return sections.opened.value ?? sections.ticket.value;
});

/** The ticket in the third column, in the lists' place: the opened one, while the call's own has its column. */
export const besideTicket = computed<TicketSection | null>(() => {
  const opened = sections.opened.value;
  return opened && mainTicket.value?.ticket_id !== opened.ticket_id ? opened : null;
});

const STORED = "ringdesk.tickets.view";
const VIEWS: readonly (TicketView | "customer")[] = ["mine", "group", "due", "search", "customer"];
const first = VIEWS.find((each) => each === sessionStorage.getItem(STORED)) ?? "mine";
/** Which list is looked at; `customer`: the other open tickets of whoever is on the line. */
export const listView = signal<TicketView | "customer">(first);
export const question = signal("");
export const PAGE = 100;
const MOST = 1_000;
const limit = signal(PAGE);
const PATIENCE_MS = 250;

export function chooseList(view: TicketView | "customer"): void {
  sessionStorage.setItem(STORED, view);
  limit.value = PAGE;
  listView.value = view;
  turn.value += 1;
}

export function search(text: string): void {
  limit.value = PAGE;
  question.value = text;
}

/** The list was scrolled to its end. */
export function wantMore(): void {
  const list = sections.tickets.peek();
  if (list?.has_more && list.view === listView.peek() && limit.peek() < MOST) limit.value = Math.min(MOST, limit.peek() + PAGE);
}

type TicketsMessage = Extract<ToServer, { type: "tickets" }>;

const turn = signal(0); // somebody turned to this page, or pressed a list's button

/** What is to be asked for now. */
function wanted(): TicketsMessage {
  const view = listView.value === "customer" ? "mine" : listView.value;
  const text = view === "search" ? question.value : "";
  return { type: "tickets", view, question: text.slice(0, 200), limit: limit.value };
}

/** Whether the list that is there is another one: another tab of this browser asked for it. */
function isOther({ view, question: text }: TicketsMessage): boolean {
  const list = sections.tickets.peek();
  return list !== null && (list.view !== view || list.question !== text);
}

/** Tells the service which list is looked at; typing waits for a pause. The tabs of a browser have one list: the tab in
 * which somebody works says which, the others follow. */
export function watchTickets(): void {
  let timer = 0;
  let asked = "";
  effect(() => {
    turn.value;
    const message = wanted();
    window.clearTimeout(timer);
    if (!isLinked.value) {
      asked = "";
      return;
    }
    const isTyped = asked !== "" && message.view === "search";
    timer = window.setTimeout(
      () => {
        const words = JSON.stringify(message);
        if ((words !== asked || isOther(message)) && link.send(message)) asked = words;
      },
      isTyped ? PATIENCE_MS : 0,
    );
  });
  effect(() => {
    const list = sections.tickets.value;
    if (!list || document.hasFocus() || listView.peek() === "customer" || !isOther(untracked(wanted))) return;
    batch(() => {
      listView.value = list.view;
      question.value = list.question;
      asked = JSON.stringify(untracked(wanted));
    });
  });
  window.addEventListener("focus", () => (turn.value += 1));
}

/** Opens a ticket from a list: in its column, or, beside a call, in the third. */
export async function openTicket(ticketId: number): Promise<void> {
  if (sections.ticket.peek()?.ticket_id === ticketId && sections.call.peek()) return;
  const isOpen = () => sections.opened.value?.ticket_id === ticketId;
  if (isOpen() || (await ask(`open.${ticketId}`, "ticket.open", { ticket_id: ticketId }, isOpen))) {
    if (sections.call.peek()) openBeside("tickets", true);
  }
}

export function closeTicket(): void {
  void ask("ticket.close", "ticket.close", {}, () => sections.opened.value === null);
}

type Versioned = Pick<TicketSection | ListedTicket, "ticket_id" | "revision">;

/** Changes a ticket; pending until the section or the list shows a newer one. */
export function changeTicket(ticket: Versioned, name: string, changes: TicketChanges, fields: Record<string, string> = {}): Promise<boolean> {
  const { ticket_id, revision } = ticket;
  const args = { ticket_id, revision, changes, fields };
  return ask(`ticket.${ticket_id}.${name}`, "ticket.change", args, () => isNewer(ticket));
}

function isNewer({ ticket_id, revision }: Versioned): boolean {
  const shown = [sections.ticket.value, sections.opened.value, ...(sections.tickets.value?.rows ?? [])];
  const same = shown.filter((each) => each?.ticket_id === ticket_id);
  return same.length === 0 || same.some((each) => each!.revision > revision);
}

export function addComment(ticket: TicketSection, text: string): Promise<boolean> {
  return ask(`ticket.${ticket.ticket_id}.comment`, "ticket.comment", { ticket_id: ticket.ticket_id, text }, () => isNewer(ticket));
}

export function handOver(ticket: TicketSection, group: string, owner: string, text: string): Promise<boolean> {
  const args = { ticket_id: ticket.ticket_id, revision: ticket.revision, group, owner, note: text };
  return ask(`ticket.${ticket.ticket_id}.hand_over`, "ticket.hand_over", args, () => isNewer(ticket));
}

/** Why no ticket can be opened for the call now; empty: it can. */
export function whyNoTicket(): string {
  if (!sections.call.value) return t("why.no_call");
  return needsLink();
}

export function newTicket(): void {
  const id = callId();
  void ask("ticket.new", "ticket.new", { call_id: id }, () => sections.ticket.value !== null || callId() !== id);
}

export function detach(ticketId: number): void {
  const id = callId();
  const gone = () => sections.ticket.value?.ticket_id !== ticketId || callId() !== id;
  void ask("ticket.detach", "ticket.detach", { call_id: id }, gone);
}

export async function keepText(name: string, text: string): Promise<void> {
  const kept = () => {
    const own = sections.ticket_form.value?.texts.find((each) => each.is_own && each.name === name);
    return text ? own?.text === text.trim() : own === undefined;
  };
  if (await ask(`text.${name}`, "text.keep", { name, text }, kept)) note(t(text ? "canned.kept" : "canned.removed", { name }));
}
