// Which tab of the third column is open: kept for this browser session. The tabs themselves stand in beside.ts.

import { signal } from "@preact/signals";

const STORED = "ringdesk.beside";

export const besideTab = signal(sessionStorage.getItem(STORED) ?? "history");

/** Opens a tab; `takesFocus` moves the keyboard there: the agent asked for it, nothing came by itself. */
export function openBeside(id: string, takesFocus = false): void {
  sessionStorage.setItem(STORED, id);
  besideTab.value = id;
  if (takesFocus) queueMicrotask(() => document.getElementById(`beside-tab-${id}`)?.focus({ preventScroll: true }));
}
