// Calling from elsewhere: tel: links of this browser, a script for other pages, tokens for programs.

import { signal } from "@preact/signals";
import { t } from "./i18n";
import { request, SignInError } from "./session";

export interface TokenRow {
  token_id: string;
  label: string;
  created_at: string;
  last_used_at: string | null;
}

/** One's own tokens; null: not asked yet. */
export const tokens = signal<TokenRow[] | null>(null);
/** A fresh token, shown this once. */
export const fresh = signal("");
export const problem = signal("");

const PATH = "/api/v1/tokens";

async function attempt(work: () => Promise<void>): Promise<void> {
  problem.value = "";
  try {
    await work();
  } catch (error) {
    problem.value = (error instanceof SignInError && error.message) || t("links.failed");
  }
}

async function read(): Promise<void> {
  tokens.value = (await request("GET", PATH))["tokens"] as TokenRow[];
}

export const readTokens = (): Promise<void> => attempt(read);

export function makeToken(label: string): Promise<void> {
  return attempt(async () => {
    fresh.value = (await request("POST", PATH, { label }))["token"] as string;
    await read();
  });
}

export function revokeToken(id: string): Promise<void> {
  return attempt(async () => {
    await request("DELETE", `${PATH}/${encodeURIComponent(id)}`);
    await read();
  });
}

/** What another page has to hold, so that the numbers on it can be clicked. */
export const snippet = (): string => `<script src="${location.origin}/click-to-call.js" defer></script>`;

/** Why the browser can't open tel: links with this page; empty when it can. */
export const handlerBlocked = (): string => ("registerProtocolHandler" in navigator ? "" : t("links.no_handler"));

/** Asks the browser to open tel: links with this page; it asks the agent. */
export function handleTelLinks(): void {
  problem.value = "";
  try {
    navigator.registerProtocolHandler("tel", `${location.origin}/dial?number=%s`);
  } catch {
    problem.value = t("links.no_handler");
  }
}
