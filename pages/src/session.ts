// Signing in and out over HTTP. The cookie is the browser's affair; the CSRF token is kept for this tab.

import { signal } from "@preact/signals";

const STORED = "ringdesk.csrf";

/** null: not asked yet. */
export const isSignedIn = signal<boolean | null>(null);

/** Set while the card has been sent and the agent isn't in yet: the desk then signs him in at the queues. */
export const wantsIn = signal(false);

export class SignInError extends Error {
  constructor(
    readonly id: string,
    message: string,
  ) {
    super(message);
  }
}

async function answer(response: Response): Promise<Record<string, unknown>> {
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  if (response.ok) return body;
  const error = (body["error"] ?? {}) as { id?: string; message?: string };
  throw new SignInError(error.id ?? `http_${response.status}`, error.message ?? "");
}

function keep(body: Record<string, unknown>): void {
  if (typeof body["csrf"] === "string") sessionStorage.setItem(STORED, body["csrf"]);
}

/** Asks whether the browser still has a session, with patience when the service is away. */
export async function askSession(): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await fetch("/api/v1/session", { headers: { Accept: "application/json" } });
      if (response.status < 500) {
        if (response.ok) keep(await answer(response));
        isSignedIn.value = response.ok;
        return;
      }
    } catch {
      // no network: try again below
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(8_000, 500 * 2 ** attempt) * (0.5 + Math.random())));
  }
}

/** A request of the page's own, with the session's token against forgery.
 *
 * @throws SignInError - refused; the message is the service's.
 */
export async function request(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<Record<string, unknown>> {
  const headers: Record<string, string> = { Accept: "application/json", "X-CSRF-Token": sessionStorage.getItem(STORED) ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return answer(await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }));
}

export async function signIn(login: string, password: string): Promise<void> {
  const response = await fetch("/api/v1/session", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ login, password }),
  });
  keep(await answer(response));
  isSignedIn.value = true;
}

export async function signOut(): Promise<void> {
  const csrf = sessionStorage.getItem(STORED) ?? "";
  try {
    await fetch("/api/v1/session", { method: "DELETE", headers: { "X-CSRF-Token": csrf } });
  } catch {
    // no network: the session ends by itself
  }
  sessionStorage.removeItem(STORED);
  isSignedIn.value = false;
}
