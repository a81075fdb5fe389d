// Tells the service when a pop has been painted: two animation frames after the strip shows it. The first frame
// paints it, the second begins when that picture is out.

import { effect } from "@preact/signals";
import { isLinked, sections } from "./store";
import { link } from "./wire";

const HIDDEN_MS = 100;
const TRIES = 30;
const told = new Set<string>();

/** The next animation frame; a hidden tab has none and goes on by a timer. */
function frame(next: () => void): void {
  let isDone = false;
  const once = () => {
    if (isDone) return;
    isDone = true;
    window.clearTimeout(timer);
    next();
  };
  const timer = window.setTimeout(once, HIDDEN_MS);
  window.requestAnimationFrame(once);
}

function shows(token: string): boolean {
  return document.querySelector<HTMLElement>("[data-pop]")?.dataset["pop"] === token;
}

function tell(callId: string, token: string, tries: number): void {
  frame(() => {
    if (!shows(token)) {
      if (tries > 0 && sections.call.peek()?.token === token) tell(callId, token, tries - 1);
      return;
    }
    frame(() => {
      if (!told.has(token) && link.send({ type: "painted", call_id: callId, token })) told.add(token);
    });
  });
}

export function watchPaint(): void {
  effect(() => {
    const call = sections.call.value;
    if (call?.token && isLinked.value && !told.has(call.token)) tell(call.call_id, call.token, TRIES);
  });
}
