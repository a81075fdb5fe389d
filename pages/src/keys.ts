// The keyboard. Answer and hang up have keys of their own, none of them Enter: a Chinese input method commits with
// it. What is typed while composing is the input method's; bare letters act only outside of fields.

import { layer, strip, toggleReady } from "./actions";
import type { Action } from "./actions";
import type { Key } from "./i18n";
import { phase } from "./line";
import { menu } from "./menus";
import { reach } from "./reach";
import { second, secondActions } from "./second";
import { isLoaded, note } from "./store";

export function isTyping(): boolean {
  const focused = document.activeElement;
  return (
    focused instanceof HTMLTextAreaElement ||
    focused instanceof HTMLSelectElement ||
    (focused instanceof HTMLInputElement && focused.type !== "checkbox" && focused.type !== "radio")
  );
}

/** Does an action, or says beside the buttons why not. */
export function perform(action: Action): void {
  const why = action.blocked();
  if (why) note(why);
  else action.run();
}

function toggle(name: "palette" | "keys"): void {
  layer.value = layer.value === name ? "" : name;
}

/** A key that does the same wherever the focus is; a bare sign acts outside of fields only. */
export interface GlobalKey {
  key: string;
  says: Key;
  run(): void;
}

/** All of them: what is pressed is looked up here, and the map of keys shows what stands here. */
export const KEYS: readonly GlobalKey[] = [
  { key: "F2", says: "keys.answer", run: () => perform(second() ? secondActions.accept : strip.answer) },
  { key: "Shift F2", says: "keys.decline_second", run: () => perform(secondActions.decline) },
  { key: "F3", says: "keys.dial", run: () => perform(reach.dial) },
  { key: "F4", says: "keys.hang_up", run: () => perform(strip.hangUp) },
  { key: "F6", says: "keys.hold", run: () => perform(phase.peek() === "consulting" ? reach.cancel : strip.hold) },
  { key: "F7", says: "keys.mute", run: () => perform(strip.mute) },
  { key: "F8", says: "keys.ready", run: toggleReady },
  { key: "F9", says: "keys.transfer", run: () => perform(phase.peek() === "consulting" ? reach.complete : reach.transfer) },
  { key: "Shift F9", says: "keys.menus", run: () => perform(menu) },
  { key: "F10", says: "keys.conference", run: () => perform(phase.peek() === "consulting" ? reach.conference : reach.add) },
  { key: "Ctrl K", says: "keys.palette", run: () => toggle("palette") },
  { key: "/", says: "keys.slash", run: () => (layer.value = "palette") },
  { key: "?", says: "keys.map", run: () => toggle("keys") },
  { key: "Esc", says: "keys.escape", run: () => (layer.value = "") },
];

/** What was pressed, by the name that the map gives it. */
function nameOf(event: KeyboardEvent): string {
  const isCtrl = event.ctrlKey || event.metaKey;
  if (isCtrl) return event.key.toLowerCase() === "k" ? "Ctrl K" : "";
  if (event.altKey) return "";
  if (event.key === "Escape") return layer.value ? "Esc" : "";
  if (event.key.length === 1) return isTyping() ? "" : event.key;
  return event.shiftKey ? `Shift ${event.key}` : event.key;
}

export function onKey(event: KeyboardEvent): void {
  if (event.isComposing || event.keyCode === 229 || !isLoaded.peek()) return;
  if (event.repeat || event.defaultPrevented) return;
  const name = nameOf(event);
  const pressed = KEYS.find((each) => each.key === name);
  if (!pressed) return;
  event.preventDefault();
  pressed.run();
}
