// Who calls, said by the agent: a customer searched for, the call given to him, a new file, its warning and note.

import { signal } from "@preact/signals";
import { ask, callId } from "./actions";
import { t } from "./i18n";
import type { FoundCustomer } from "./protocol";
import { request } from "./session";
import { sections } from "./store";

const PAUSE_MS = 250;

/** What was found for the question; null: nothing was asked yet. */
export const found = signal<FoundCustomer[] | null>(null);
export const searchProblem = signal("");
export const isSearching = signal(false);

let asked = 0;
let timer = 0;

/** Asks a moment after the last key; an answer that comes after the next question is dropped. */
export function search(text: string, isAtOnce = false): void {
  window.clearTimeout(timer);
  asked += 1;
  const mine = asked;
  if (!text.trim()) {
    forgetSearch();
    return;
  }
  timer = window.setTimeout(() => void look(text.trim(), mine), isAtOnce ? 0 : PAUSE_MS);
}

export function forgetSearch(): void {
  window.clearTimeout(timer);
  asked += 1;
  found.value = null;
  searchProblem.value = "";
  isSearching.value = false;
}

async function look(text: string, mine: number): Promise<void> {
  isSearching.value = true;
  try {
    const answer = await request("POST", "/api/v1/customers/search", { text });
    if (mine !== asked) return;
    found.value = answer["customers"] as FoundCustomer[];
    searchProblem.value = "";
  } catch {
    if (mine === asked) searchProblem.value = t("search.failed");
  } finally {
    if (mine === asked) isSearching.value = false;
  }
}

export function assignCustomer(customerId: number, keepNumber: boolean): Promise<boolean> {
  const isGiven = () => sections.customer.value?.customer?.id === customerId;
  const args = { call_id: callId(), customer_id: customerId, keep_number: keepNumber };
  return ask(`customer.${customerId}`, "customer.assign", args, isGiven);
}

export function createCustomer(name: string, company: string): Promise<boolean> {
  const isMade = () => sections.customer.value?.match === "known";
  return ask("customer.create", "customer.create", { call_id: callId(), name, company }, isMade);
}

export function describeCustomer(customerId: number, text: string): Promise<boolean> {
  const isThere = () => sections.customer.value?.customer?.note === text;
  return ask("customer.note", "customer.note", { customer_id: customerId, text }, isThere);
}

export function warnOfCustomer(customerId: number, text: string): Promise<boolean> {
  const isThere = () => (sections.customer.value?.customer?.warning?.text ?? "") === text;
  return ask("customer.warn", "customer.warn", { customer_id: customerId, text }, isThere);
}
