// What the palette finds besides actions: whom a call can reach, and every ticket. What choosing somebody does depends on
// the call: without one he is called, in one the panel opens with him chosen.

import { layer } from "./actions";
import { openBeside } from "./besideTab";
import { prefilled } from "./dialLink";
import { find, typedNumber } from "./directory";
import type { Reachable } from "./directory";
import { t } from "./i18n";
import type { Key } from "./i18n";
import { tame } from "./line";
import { dialTo, reach } from "./reach";
import { sections } from "./store";
import { chooseList, openTicket, search } from "./tickets";

export interface Entry {
  id: string;
  text: string;
  /** What is known of it besides its name. */
  detail?: string;
  key: string;
  blocked: string;
  run(): void;
}

const MOST_PEOPLE = 12;
const MOST_TICKETS = 8;
const TICKET = /^#?([0-9]{1,9})$/;

/** All words of the question occur in the text. */
export function fits(text: string, question: string): boolean {
  const whole = text.toLocaleLowerCase();
  return question.toLocaleLowerCase().split(/\s+/).every((word) => whole.includes(word));
}

/** What a call can do with somebody now, and why nothing where it can't. */
function way(): { name: Key; blocked: string; run(who: Reachable): void } {
  const open = (panel: "transfer" | "add") => (who: Reachable) => {
    prefilled.value = who.target.kind === "queue" ? who.name : who.target.value;
    layer.value = panel;
  };
  const blocked = reach.dial.blocked();
  if (!blocked) return { name: "palette.call", blocked, run: dialTo };
  if (!reach.transfer.blocked()) return { name: "palette.transfer_to", blocked: "", run: open("transfer") };
  if (!reach.add.blocked()) return { name: "palette.add", blocked: "", run: open("add") };
  return { name: "palette.call", blocked, run: () => undefined };
}

function people(question: string): Entry[] {
  const { name, blocked, run } = way();
  return find(question, name !== "palette.add", name === "palette.call")
    .slice(0, MOST_PEOPLE)
    .map((who) => ({
      id: `who.${who.id}`,
      text: t(name, { name: tame(who.name) }),
      detail: [tame(who.detail), who.word].filter(Boolean).join(" · "),
      key: "",
      blocked: blocked || who.blocked,
      run: () => run(who),
    }));
}

function tickets(question: string): Entry[] {
  const known = new Map<number, string>();
  for (const row of [...(sections.tickets.value?.rows ?? []), ...(sections.customer.value?.open_tickets ?? [])]) {
    known.set(row.ticket_id, tame(row.subject));
  }
  const asked = Number(TICKET.exec(question)?.[1] ?? 0);
  if (asked && !known.has(asked)) known.set(asked, "");
  const found = [...known]
    .map(([id, subject]) => ({ id, text: `${t("palette.open_ticket", { id })} ${subject}`.trim() }))
    .filter(({ id, text }) => id === asked || fits(text, question))
    .slice(0, MOST_TICKETS)
    .map(({ id, text }) => ({ id: `ticket.${id}`, text, key: "", blocked: "", run: () => void openTicket(id) }));
  const all = () => {
    chooseList("search");
    search(question);
    openBeside("tickets", true);
  };
  return [...found, { id: "tickets.search", text: t("palette.search_tickets", { text: question }), key: "", blocked: "", run: all }];
}

/** People, queues, numbers and tickets that the question may mean; nothing is asked, nothing is found. */
export function places(question: string): Entry[] {
  const asked = question.trim();
  if (!asked) return [];
  const isTicket = asked.startsWith("#");
  const isNumber = typedNumber(asked) !== "";
  return isNumber || !isTicket ? [...people(asked), ...tickets(asked)] : tickets(asked);
}
