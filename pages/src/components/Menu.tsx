// A small layer under its button: arrows move, Escape and a click elsewhere close, the focus goes back.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { layer } from "../actions";

interface Props {
  name: typeof layer.value;
  label: string;
  /** `menu` holds items to pick by arrows, `dialog` holds anything. */
  role?: "menu" | "dialog";
  class?: string;
  /** The action of a button elsewhere that opens it: a press there closes nothing by itself. */
  opener?: string;
  children: ComponentChildren;
}

// The focus moves before the next key can come: who types fast types into what he opened.
export function Menu({ name, label, role = "menu", opener, children, ...rest }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const isOpen = layer.value === name;
  useLayoutEffect(() => {
    if (!isOpen) return undefined;
    const before = document.activeElement as HTMLElement | null;
    box.current?.querySelector<HTMLElement>("[autofocus], [role=menuitem], button, input, select")?.focus();
    const anchor = box.current?.parentElement;
    const isWithin = (target: Element) =>
      anchor?.contains(target) || (opener !== undefined && target.closest(`[data-action="${opener}"]`) !== null);
    // Tab goes on through the page; what is left behind closes, so that nothing hides what has the focus.
    const left = (event: FocusEvent) => {
      if (layer.peek() === name && !isWithin(event.target as Element)) layer.value = "";
    };
    window.addEventListener("focusin", left);
    const outside = (event: PointerEvent) => {
      if (!isWithin(event.target as Element)) layer.value = "";
    };
    window.addEventListener("pointerdown", outside);
    return () => {
      window.removeEventListener("pointerdown", outside);
      window.removeEventListener("focusin", left);
      if (box.current?.contains(document.activeElement) || document.activeElement === document.body) before?.focus();
    };
  }, [isOpen]);
  if (!isOpen) return null;
  return (
    <div ref={box} class={`menu ${rest.class ?? ""}`} role={role} aria-label={label} onKeyDown={role === "menu" ? arrows : undefined}>
      {children}
    </div>
  );
}

function arrows(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>("[role=menuitem]")];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  items[(to + items.length) % items.length]?.focus();
}
