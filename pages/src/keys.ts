// The keyboard. Answer and hang up have keys of their own, none of them Enter: a Chinese input method commits with
// it. What is typed while composing is the input method's; bare letters act only outside of fields.

import { layer, strip, toggleReady } from "./actions";
import type { Action } from "./actions";
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

const FUNCTION_KEYS: Record<string, () => void> = {
  F2: () => perform(second() ? secondActions.accept : strip.answer),
  F4: () => perform(strip.hangUp),
  F3: () => perform(reach.dial),
  F6: () => perform(phase.peek() === "consulting" ? reach.cancel : strip.hold),
  F7: () => perform(strip.mute),
  F8: toggleReady,
  F9: () => perform(phase.peek() === "consulting" ? reach.complete : reach.transfer),
  F10: () => perform(phase.peek() === "consulting" ? reach.conference : reach.add),
};

export function onKey(event: KeyboardEvent): void {
  if (event.isComposing || event.keyCode === 229 || !isLoaded.peek()) return;
  if (event.repeat || event.defaultPrevented) return;
  const bare = !event.ctrlKey && !event.metaKey && !event.altKey;
  const isMenus = bare && event.shiftKey && event.key === "F9";
  const isDecline = bare && event.shiftKey && event.key === "F2";
  const act = bare && !event.shiftKey ? FUNCTION_KEYS[event.key] : isDecline ? () => perform(secondActions.decline) : isMenus ? () => perform(menu) : undefined;
  if (act) {
    event.preventDefault();
    act();
  } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    layer.value = layer.value === "palette" ? "" : "palette";
  } else if (event.key === "Escape" && layer.value) {
    event.preventDefault();
    layer.value = "";
  } else if (bare && !isTyping() && event.key === "/") {
    event.preventDefault();
    layer.value = "palette";
  } else if (bare && !isTyping() && event.key === "?") {
    event.preventDefault();
    layer.value = layer.value === "keys" ? "" : "keys";
  }
}
