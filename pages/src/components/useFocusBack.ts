// A dialog takes the focus when it opens, and gives it back where it was.

import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

export function useFocusBack(box: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    box.current?.focus();
    return () => before?.focus();
  }, []);
}
