// Where the keyboard is, and that it never falls out of the page: when the control that has the focus goes away, its
// neighbour in the same part of the page gets it.

const STOPS = [
  "a[href]",
  "button:not([disabled])",
  "input:not([disabled])",
  "select:not([disabled])",
  "textarea:not([disabled])",
  "iframe",
  "[tabindex]",
].join(",");
const PARTS = "[role=dialog], [role=tabpanel], .column, .strip, .top-bar, .bottom-bar, .due-reminder, .card";

/** Everything in a box that the Tab key stops at, in order. */
export function focusablesIn(box: Element): HTMLElement[] {
  return [...box.querySelectorAll<HTMLElement>(STOPS)].filter((each) => each.tabIndex >= 0 && each.checkVisibility());
}

let typedAt = 0;

/** Whether anything was written into any field since that instant of `performance.now()`. */
export function hasTypedSince(instant: number): boolean {
  return typedAt > instant;
}

/** Whether the focus is where nobody is at work: nowhere, or on the strip's buttons. */
export function isFocusFree(): boolean {
  const focused = document.activeElement;
  return !focused || focused === document.body || focused.closest(".strip-buttons") !== null;
}

export function watchFocus(): void {
  for (const kind of ["input", "compositionstart"]) {
    document.addEventListener(kind, () => (typedAt = performance.now()), true);
  }
  let last: HTMLElement | null = null;
  let around: Element[] = [];
  let order: HTMLElement[] = [];
  document.addEventListener("focusin", (event) => {
    last = event.target as HTMLElement;
    const part = last.closest(PARTS);
    around = [];
    for (let each = part; each; each = each.parentElement?.closest(PARTS) ?? null) around.push(each);
    order = part ? focusablesIn(part) : [];
  });
  // A click beside all controls takes the focus away on purpose. (What is taken out of the page is still in it when the
  // browser says that it lost the focus.)
  document.addEventListener("focusout", () => {
    const left = last;
    queueMicrotask(() => {
      if (last === left && left?.isConnected && document.activeElement === document.body) last = null;
    });
  });
  const keep = () => {
    if (!last || last.isConnected || document.activeElement !== document.body) return;
    const at = order.indexOf(last);
    const isThere = (each: HTMLElement) => each.isConnected && each.checkVisibility();
    const beside = order.slice(at + 1).find(isThere) ?? order.slice(0, Math.max(0, at)).reverse().find(isThere);
    const home = around.find((each) => each.isConnected);
    last = null;
    (beside ?? (home && focusablesIn(home)[0]))?.focus({ preventScroll: true });
  };
  new MutationObserver(keep).observe(document.body, { childList: true, subtree: true });
}
