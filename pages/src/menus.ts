// Menus during a call: one button sends the caller to one and, while he is in it, fetches him back; the result stands in
// the strip.

import { ask, callId, layer, refused } from "./actions";
import type { Action } from "./actions";
import { label, t } from "./i18n";
import type { Key } from "./i18n";
import { isLive, tame } from "./line";
import type { CallMenu, OfferedMenu } from "./protocol";
import { sections } from "./store";

const known = (): OfferedMenu[] => sections.me.value?.call_menus ?? [];

/** What a menu is called; its name, should the company have it no more. */
export function menuLabel(name: string): string {
  return label(known().find((menu) => menu.name === name)?.label, name);
}

/** The menu in which the caller is while the agent waits for him. */
export function menuNow(): CallMenu | null {
  const call = sections.call.value;
  return isLive(call) && call.menu?.waiting ? call.menu : null;
}

export const menu: Action = {
  id: "menu",
  key: "Shift+F9",
  label: () => (menuNow() ? t("menus.fetch_back") : t("menus.send")),
  blocked: () => {
    if (menuNow()) return refused("fetch_back");
    return known().length === 0 ? t("why.no_menus") : refused("menu");
  },
  run: () => {
    if (!menuNow()) {
      layer.value = layer.value === "menus" ? "" : "menus";
      return;
    }
    const own = callId();
    const isBack = () => callId() !== own || menuNow() === null;
    void ask("menu", "call.fetch_back", { call_id: own }, isBack);
  },
};

export function menuActions(): Action[] {
  return known().map((each) => ({
    id: `menu.${each.name}`,
    key: "",
    label: () => t("menus.to", { menu: menuLabel(each.name) }),
    blocked: () => refused("menu"),
    run: () => {
      const own = callId();
      const isSent = () => callId() !== own || !isLive(sections.call.value) || menuNow() !== null;
      layer.value = "";
      void ask("menu", "call.menu", { call_id: own, menu: each.name }, isSent);
    },
  }));
}

export const comesBack = (name: string): boolean => known().find((each) => each.name === name)?.comes_back ?? true;

const RESULTS: Record<string, Key> = {
  answered: "menu_result.answered",
  broken: "menu_result.broken",
  cut_short: "menu_result.cut_short",
  failed: "menu_result.failed",
  hung_up: "menu_result.hung_up",
  locked: "menu_result.locked",
  no_answer: "menu_result.no_answer",
  no_pin: "menu_result.no_pin",
  verified: "menu_result.verified",
};

/** In words; of a PIN that was wrong, after how many. */
export function resultWord(result: string, tries: number): string {
  const key = RESULTS[result];
  return key ? t(key, { tries }) : tame(result);
}

/** Where the caller is, or what came of the menu he was in last; what he answered stands behind it. */
export function menuLine(): { text: string; isGood: boolean; isBad: boolean } | null {
  const now = sections.call.value?.menu;
  if (!now) return null;
  const name = menuLabel(now.name);
  if (!now.result) return { text: t("menus.in", { menu: name }), isGood: false, isBad: false };
  const answers = now.answers.map((each) => `${tame(each.label)} ${tame(each.digits)}`).join(", ");
  const text = [`${name}: ${resultWord(now.result, now.tries)}`, answers].filter(Boolean).join(" · ");
  return { text, isGood: now.result === "verified", isBad: ["failed", "locked"].includes(now.result) };
}
