// The one link of this page, joined to the store.

import { language } from "./i18n";
import { DesktopLink } from "./link";
import { applySection, applySnapshot, linkPhase } from "./store";

const scheme = location.protocol === "https:" ? "wss:" : "ws:";

export const link = new DesktopLink(`${scheme}//${location.host}/api/v1/desktop`, () => language.peek(), {
  phase: (phase) => (linkPhase.value = phase),
  snapshot: applySnapshot,
  update: applySection,
});
