// Canned texts in the notes: "/" at the beginning of a word and the name; placeholders are filled where it is written.

import type { CannedText } from "./protocol";
import { sections } from "./store";

/** The name that is being typed behind a slash before the cursor, and where the slash stands; null: none. */
export function askedAt(text: string, cursor: number): { name: string; from: number } | null {
  const found = /(^|\s)\/([^\s/]{0,64})$/.exec(text.slice(0, cursor));
  return found ? { name: found[2]!, from: cursor - found[2]!.length - 1 } : null;
}

/** Texts whose name has all that was typed; those that begin with it first. */
export function findTexts(texts: readonly CannedText[], name: string): CannedText[] {
  const wanted = name.toLocaleLowerCase();
  const found = texts.filter((each) => each.name.toLocaleLowerCase().includes(wanted));
  const begins = (each: CannedText) => (each.name.toLocaleLowerCase().startsWith(wanted) ? 0 : 1);
  return found.sort((a, b) => begins(a) - begins(b)).slice(0, 8);
}

/** The text with {customer}, {agent} and {ticket} filled; what isn't known stays as it is, to be seen. */
export function filled(text: string, ticketId: number): string {
  const customer = sections.customer.value?.customer?.name || sections.opened.value?.customer_name || "";
  const values: Record<string, string> = { customer, agent: sections.me.value?.name ?? "", ticket: `#${ticketId}` };
  return text.replace(/\{(customer|agent|ticket)\}/g, (whole, name: string) => values[name] || whole);
}
