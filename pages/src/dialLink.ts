// A link of another page that asks to call a number: `/dial?number=`. Nothing is called before somebody presses Call
// here. The desktop that is open in this browser then makes the call; where none is, this tab becomes it.

import { signal } from "@preact/signals";
import { typed, typedNumber } from "./directory";
import { t } from "./i18n";
import { newId } from "./ids";
import { dialTo, reach } from "./reach";
import { isLinked, isLoaded, sections } from "./store";

const CHANNEL = "ringdesk.dial";
const PATIENCE_MS = 1_500;
const LONGEST = 200;

type Asked = { type: "call"; id: string; number: string };
type Answered = { type: "answer"; id: string; why: string };

export type Stage = "asking" | "sending" | "sent" | "refused" | "alone";

/** What a link asks for; null: this tab is the desktop. `number` is empty where the link holds none. */
export const dialLink = signal<{ number: string; stage: Stage; why: string } | null>(null);

/** Filled in when the dial panel opens next. */
export const prefilled = signal("");

/** The number of a link: what was asked for, or of a `tel:` link (RFC 3966) what stands before its parameters. */
export function numberOf(text: string): string {
  const link = /^\s*tel:([^;]*)/i.exec(text.slice(0, LONGEST));
  if (!link) return typedNumber(text.slice(0, LONGEST));
  try {
    return typedNumber(decodeURIComponent(link[1] ?? ""));
  } catch {
    return ""; // no text at all once decoded
  }
}

/** Whether this tab was opened by such a link. The address is cleared: a reload asks nothing again. */
export function readDialLink(): boolean {
  if (location.pathname !== "/dial") return false;
  const asked = new URLSearchParams(location.search).get("number") ?? "";
  history.replaceState(null, "", "/dial");
  dialLink.value = { number: numberOf(asked), stage: "asking", why: "" };
  return true;
}

function becomes(stage: Stage, why = ""): void {
  if (dialLink.value) dialLink.value = { ...dialLink.value, stage, why };
}

/** Has the open desktop call. Without an answer there is none, or nobody has signed in there. */
export function callFromLink(): void {
  const asked = dialLink.value;
  if (!asked?.number || asked.stage === "sending" || asked.stage === "sent") return;
  const channel = new BroadcastChannel(CHANNEL);
  const id = newId();
  const done = (stage: Stage, why = "") => {
    window.clearTimeout(timer);
    channel.close();
    becomes(stage, why);
  };
  const timer = window.setTimeout(() => done("alone"), PATIENCE_MS);
  channel.onmessage = ({ data }: MessageEvent<Answered>) => {
    if (data.type !== "answer" || data.id !== id) return;
    if (data.why) done("refused", data.why);
    else {
      done("sent");
      window.close(); // where a script has opened it; else it says that it can be closed
    }
  };
  becomes("sending");
  channel.postMessage({ type: "call", id, number: asked.number } satisfies Asked);
}

/** This tab becomes the desktop; its dial panel opens with the number. */
export function openHere(start: () => void): void {
  prefilled.value = dialLink.value?.number ?? "";
  dialLink.value = null;
  history.replaceState(null, "", "/");
  start();
}

/** The desktop's side: calls for links that were opened beside it. Of several tabs that show the desktop one does. */
export function serveDialLinks(): void {
  const channel = new BroadcastChannel(CHANNEL);
  const serve = ({ id, number: asked }: Asked): void => {
    const number = typedNumber(asked);
    const why = number ? reach.dial.blocked() : t("refusal.no_such_number");
    if (!why) dialTo(typed(number));
    channel.postMessage({ type: "answer", id, why } satisfies Answered);
  };
  channel.onmessage = ({ data }: MessageEvent<Asked>) => {
    const isAtWork = isLoaded.value && isLinked.value && sections.agent.value?.state !== "LOGGED_OUT";
    if (data.type !== "call" || !isAtWork) return;
    // Locks are there for secure pages only.
    if (!navigator.locks) return serve(data);
    void navigator.locks.request(`${CHANNEL}.${data.id}`, { ifAvailable: true }, (lock) => {
      if (!lock) return; // another tab does it
      serve(data);
      return new Promise((over) => window.setTimeout(over, 2 * PATIENCE_MS));
    });
  };
}
