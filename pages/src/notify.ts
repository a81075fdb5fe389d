// Calls the agent to a page that he isn't looking at: a desktop notification. It names who calls only as the page itself
// may show it, and nobody where the agent said so; it goes when the ring ends, however it ends.

import { computed, effect, signal } from "@preact/signals";
import { label, t } from "./i18n";
import { callerName, phase, tame } from "./line";
import { sections } from "./store";

const STORED = "ringdesk.notify_nameless";

export type Allowance = NotificationPermission | "unsupported";

const current = (): Allowance => ("Notification" in window ? Notification.permission : "unsupported");

/** Whether the browser lets the page do so. */
export const allowance = signal<Allowance>(current());
/** The notification names nobody: the screen is seen by others, locked or not. */
export const isNameless = signal(localStorage.getItem(STORED) === "1");
/** The page isn't looked at: another tab, another window, a locked screen. */
export const isAway = signal(false);

let shown: { text: string; notification: Notification } | null = null;

export function setNameless(nameless: boolean): void {
  localStorage.setItem(STORED, nameless ? "1" : "0");
  isNameless.value = nameless;
}

/** Asked by the agent's own press alone: a page that asks when it is opened is refused for good. */
export async function allowNotifications(): Promise<void> {
  try {
    await Notification.requestPermission();
  } catch {
    // the browser asks nobody here; it says so by its state
  }
  allowance.value = current();
}

/** A call that rises, and that its queue lets be heard of. */
export const isCalling = computed(() => {
  const call = sections.call.value;
  return call !== null && call.mute !== "all" && (phase.value === "offered" || phase.value === "ringing");
});

interface Words {
  title: string;
  body: string;
}

function words(): Words {
  const call = sections.call.value;
  const queue = label(call?.queue_label, call?.queue ?? "");
  if (isNameless.value) return { title: t("notify.nameless"), body: queue };
  const customer = sections.customer.value;
  const number = call?.fields.includes("number") ? tame(call.number) : "";
  const name = callerName() || number || t(customer?.match === "maybe" ? "caller.several" : "caller.unknown");
  const company = customer?.match === "known" ? tame(customer.customer?.company ?? "") : "";
  const rest = [company, name === number ? "" : number, queue].filter(Boolean);
  return { title: t("notify.title", { who: name }), body: rest.join(" · ") };
}

function withdraw(): void {
  shown?.notification.close();
  shown = null;
}

function show(tag: string, { title, body }: Words): void {
  const text = `${tag}\n${title}\n${body}`;
  if (shown?.text === text) return;
  try {
    // The page rings by itself: the notification makes no second sound.
    const notification = new Notification(title, { body, tag, silent: true, requireInteraction: true });
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
    if (shown && !shown.text.startsWith(`${tag}\n`)) shown.notification.close(); // one of the same tag is replaced
    shown = { text, notification };
  } catch {
    allowance.value = "unsupported"; // some browsers leave it to service workers
  }
}

export function watchNotifications(): void {
  const look = () => {
    isAway.value = document.hidden || !document.hasFocus();
    allowance.value = current();
  };
  for (const name of ["focus", "blur", "pagehide"]) window.addEventListener(name, look);
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pagehide", withdraw);
  look();
  effect(() => {
    const call = sections.call.value;
    if (call && isCalling.value && isAway.value && allowance.value === "granted") show(call.call_id, words());
    else withdraw();
  });
}
