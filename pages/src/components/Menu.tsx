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
    const outside = (event: PointerEvent) => {
      const target = event.target as Element;
      const isOpener = opener && target.closest(`[data-action="${opener}"]`);
      if (!isOpener && !box.current?.parentElement?.contains(target)) layer.value = "";
    };
    window.addEventListener("pointerdown", outside);
    return () => {
      window.removeEventListener("pointerdown", outside);
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
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>("[role=menuitem]")];
  const at = items.indexOf(document.activeElement as HTMLElement);
  items[(at + step + items.length) % items.length]?.focus();
}
