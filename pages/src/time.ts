// Instants and durations as people read them. `now` follows the server's clock, so that a wrong clock on the
// agent's machine shows no wrong waits.

import { signal } from "@preact/signals";
import { locale } from "./i18n";

const skew = signal(0);
/** Moves four times a second; a text that depends on it is redrawn only when it changes. */
export const tick = signal(Date.now());
window.setInterval(() => (tick.value = Date.now()), 250);

export function learnServerTime(serverTime: string): void {
  const instant = Date.parse(serverTime);
  if (!Number.isNaN(instant)) skew.value = instant - Date.now();
}

export function now(): number {
  return tick.value + skew.value;
}

/** Whole seconds from an instant until now, never negative. */
export function secondsSince(instant: string): number {
  return Math.max(0, Math.floor((now() - Date.parse(instant)) / 1000));
}

export function secondsUntil(instant: string): number {
  return Math.max(0, Math.ceil((Date.parse(instant) - now()) / 1000));
}

/** 75 → 1:15, 3700 → 1:01:40. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  const s = String(whole % 60).padStart(2, "0");
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

/** The big timer: minutes always in two figures, so that nothing moves at ten minutes. */
export function clockface(seconds: number): string {
  const text = duration(seconds);
  return text.length < 5 ? `0${text}` : text;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "3 days ago", "just now". */
export function relative(instant: string, style: "long" | "short" = "long"): string {
  const seconds = (Date.parse(instant) - now()) / 1000;
  const format = new Intl.RelativeTimeFormat(locale.value, { numeric: "auto", style });
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(0, "second");
}

export function absolute(instant: string): string {
  return new Intl.DateTimeFormat(locale.value, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(instant));
}

export function timeOfDay(instant: string | number): string {
  return new Intl.DateTimeFormat(locale.value, { timeStyle: "medium" }).format(new Date(instant));
}

export function isToday(instant: string): boolean {
  return new Date(instant).toDateString() === new Date(now()).toDateString();
}

/** A share from 0 to 1 as whole per cent; nothing known: a dash. */
export function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? "–" : `${Math.round(share * 100)} %`;
}
