// Words in the user's language. Keys are flat and typed: a key that en.json lacks doesn't compile, one that
// zh.json lacks doesn't either.

import { computed, signal } from "@preact/signals";
import en from "./i18n/en.json";
import zh from "./i18n/zh.json";
import type { Labels } from "./protocol";

export type Language = "en" | "zh";
export type Key = keyof typeof en;

const BOOKS: Record<Language, Record<Key, string>> = { en, zh };
const STORED = "ringdesk.language";

function first(): Language {
  const stored = localStorage.getItem(STORED);
  if (stored === "en" || stored === "zh") return stored;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = signal<Language>(first());
export const locale = computed(() => (language.value === "zh" ? "zh-CN" : "en-GB"));

export function setLanguage(next: Language): void {
  localStorage.setItem(STORED, next);
  language.value = next;
}

/** The text of a key, `{name}` replaced from `values`. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return BOOKS[language.value][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The same for a key that the service named; empty when there is none such. */
export function find(key: string, values: Record<string, string>): string {
  return key in BOOKS.en ? t(key as Key, values) : "";
}

/** One of the two keys by the language's plural rule, `{n}` replaced by the count. */
export function plural(one: Key, other: Key, n: number): string {
  const rule = new Intl.PluralRules(locale.value).select(n);
  return t(rule === "one" ? one : other, { n });
}

/** A label that the company wrote in its languages; falls back to any, then to the name. */
export function label(labels: Labels | undefined, name: string): string {
  return labels?.[language.value] || labels?.["en"] || Object.values(labels ?? {})[0] || name;
}
