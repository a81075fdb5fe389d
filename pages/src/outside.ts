// Another program's page for the call, by the queue's rule: in a frame of the third column, or in a tab of the browser.

import { effect, signal } from "@preact/signals";
import { openBeside } from "./besideTab";
import { label, t } from "./i18n";
import { isConnected } from "./line";
import type { OutsidePage } from "./protocol";
import { note, sections } from "./store";

/** The call whose page was opened: what is shown for one caller never stays for the next. */
export const openedFor = signal("");
/** The browser has refused the frame: the page was loaded before its host was allowed. */
export const isShut = signal(false);

/** Where it leads, as the browser reads it; null: not to a page, or to this very program. */
export function address(page: OutsidePage): URL | null {
  try {
    const url = new URL(page.url);
    const isPage = url.protocol === "https:" || url.protocol === "http:";
    return isPage && url.origin !== location.origin ? url : null;
  } catch {
    return null;
  }
}

export function pageName(page: OutsidePage): string {
  return label(page.label, address(page)?.host ?? "");
}

/** Opens it where the rule says: asked by the agent, or by itself. */
export function openPage(page: OutsidePage, isAsked: boolean): void {
  const url = address(page);
  if (!url) return;
  openedFor.value = page.call_id;
  if (page.place === "frame") {
    openBeside("outside", isAsked);
    return;
  }
  const opened = window.open(url.href, "_blank");
  if (opened) opened.opener = null; // before anything is loaded there
  else note(t("outside.blocked"));
}

export function watchOutside(): void {
  document.addEventListener("securitypolicyviolation", (event) => {
    if (event.effectiveDirective === "frame-src") isShut.value = true;
  });
  effect(() => {
    const page = sections.outside_page.value;
    if (!page || openedFor.peek() === page.call_id) return;
    if (page.opens === "offer" || (page.opens === "answer" && isConnected.value)) openPage(page, false);
  });
  effect(() => {
    if (!sections.outside_page.value) openedFor.value = "";
  });
}
