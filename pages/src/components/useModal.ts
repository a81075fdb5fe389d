// A dialog over the page: it takes the focus when it opens, keeps it while it is open (Tab goes round in it), and gives it
// back where it was.

import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { focusablesIn } from "../focus";

/** `first` gets the focus: by default the dialog itself. */
export function useModal(box: RefObject<HTMLElement | null>, first: RefObject<HTMLElement | null> = box): void {
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    const goRound = (event: KeyboardEvent) => {
      if (event.key !== "Tab" || event.isComposing || !box.current) return;
      const stops = focusablesIn(box.current);
      const [head, end] = [stops[0] ?? box.current, stops.at(-1) ?? box.current];
      const isOutside = !box.current.contains(document.activeElement) || document.activeElement === box.current;
      const isAtEnd = document.activeElement === (event.shiftKey ? head : end);
      if (!isAtEnd && !(isOutside && event.shiftKey) && stops.length) return;
      event.preventDefault();
      (event.shiftKey ? end : head).focus();
    };
    first.current?.focus();
    window.addEventListener("keydown", goRound, true);
    return () => {
      window.removeEventListener("keydown", goRound, true);
      before?.focus();
    };
  }, []);
}
