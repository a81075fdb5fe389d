// What happened while the page was cut off, or its computer slept: mended at once, and said when it is over.

import { effect, signal } from "@preact/signals";
import { t } from "./i18n";
import * as phone from "./phone";
import { isSignedIn } from "./session";
import { linkPhase, note, sections } from "./store";
import { duration, tick } from "./time";
import { link } from "./wire";

/** A shorter break is not worth a word. */
const WORTH_MS = 3_000;
/** No page that is seen stands still for longer; browsers wake a hidden one once a minute. */
const ASLEEP_MS = 20_000;
const ASLEEP_HIDDEN_MS = 90_000;
/** Link and phone come back one after the other: they are told together. */
const SETTLE_MS = 1_000;

type What = "slept" | "link" | "phone";
const happened = signal<ReadonlyMap<What, number>>(new Map());

function happen(what: What, ms: number): void {
  if (ms >= WORTH_MS) happened.value = new Map(happened.peek()).set(what, Math.max(ms, happened.peek().get(what) ?? 0));
}

export function watchSurvival(): void {
  watchSleep();
  watchBreak("link", () => linkPhase.value.name === "up", () => !isSignedIn.value || linkPhase.value.name === "closed");
  const { registration } = phone;
  watchBreak("phone", () => registration.value === "registered", () => ["off", "elsewhere"].includes(registration.value));
  // A network that is back is often another one: what stood over the old one is dead, and nobody would say so for long.
  window.addEventListener("online", renew);
  effect(() => {
    if (!isSignedIn.value) happened.value = new Map();
  });
  let telling = 0;
  effect(() => {
    const isWhole = linkPhase.value.name === "up" && phone.registration.value !== "connecting";
    window.clearTimeout(telling);
    if (isWhole && happened.value.size) telling = window.setTimeout(tell, SETTLE_MS);
  });
}

function renew(): void {
  link.renew();
  phone.renew();
}

function watchSleep(): void {
  let before = Date.now();
  let wasHidden = document.hidden;
  effect(() => {
    const gap = tick.value - before;
    if (gap > (wasHidden || document.hidden ? ASLEEP_HIDDEN_MS : ASLEEP_MS)) {
      happen("slept", gap);
      renew();
    }
    before = tick.value;
    wasHidden = document.hidden;
  });
}

/** How long something was away that had been there, and that nobody has put away. */
function watchBreak(what: "link" | "phone", isThere: () => boolean, isPutAway: () => boolean): void {
  let lostAt = 0;
  let was = false;
  effect(() => {
    const is = isThere();
    if (was && !is) lostAt = Date.now();
    if (isPutAway()) lostAt = 0;
    if (!was && is && lostAt) {
      happen(what, Date.now() - lostAt);
      lostAt = 0;
    }
    was = is;
  });
}

/** One sentence: the longest cause says what the others would. */
function tell(): void {
  const { value } = happened;
  happened.value = new Map();
  const slept = value.get("slept");
  const cut = value.get("link");
  const gone = value.get("phone");
  if (slept) note(t("survived.slept", { time: duration(slept / 1000) }));
  else if (cut && gone) note(t("survived.both", { time: duration(Math.max(cut, gone) / 1000) }));
  else if (cut) note(t("survived.link", { time: duration(cut / 1000) }));
  else if (gone && sections.phone.peek()?.kind === "browser") note(t("survived.phone", { time: duration(gone / 1000) }));
}
