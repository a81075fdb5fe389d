// What happened to a call, as people read it: the service's rows in words of the user's language, rows that belong
// together as one.

import { label, t } from "./i18n";
import type { Key } from "./i18n";
import { tame } from "./line";
import { menuLabel, resultWord } from "./menus";
import { grade } from "./mos";
import type { TimelineRow } from "./protocol";
import { QUALITY_WORDS } from "./sound";
import { sections } from "./store";
import { duration } from "./time";

export interface Step {
  at: string;
  word: string;
  text: string;
  recordingId: string | null;
  /** Who spoke, for whether the recording may be heard. */
  agent: string;
}

const WORDS: Record<string, Key> = {
  abandoned: "timeline.abandoned",
  agent_lost: "timeline.agent_lost",
  attached: "timeline.attached",
  detached: "timeline.detached",
  callback: "timeline.callback",
  callback_expired: "timeline.callback_expired",
  callback_in_vain: "timeline.callback_in_vain",
  callback_withdrawn: "timeline.callback_withdrawn",
  conference: "timeline.conference",
  consult: "timeline.consult",
  digits: "timeline.digits",
  ended: "timeline.ended",
  fallback: "timeline.fallback",
  hold: "timeline.hold",
  left_by_key: "timeline.left_by_key",
  call_menu: "timeline.call_menu",
  menu: "timeline.menu",
  menu_answer: "timeline.menu_answer",
  menu_result: "timeline.menu_result",
  missed: "timeline.missed",
  overflowed: "timeline.overflowed",
  parked: "timeline.parked",
  queue: "timeline.queue",
  recording: "timeline.recording",
  recording_failed: "timeline.recording_failed",
  retrieved: "timeline.retrieved",
  sound: "timeline.sound",
  talk: "timeline.talk",
  transferred: "timeline.transferred",
  voicemail: "timeline.voicemail",
};

const OUTCOME_WORDS: Record<string, Key> = {
  answered: "outcome.answered",
  abandoned: "outcome.abandoned",
  callback: "outcome.callback",
  menu: "outcome.menu",
  unanswered: "outcome.unanswered",
  voicemail: "outcome.voicemail",
};

/** What became of a call. */
export function outcomeWord(outcome: string): string {
  const key = OUTCOME_WORDS[outcome];
  return key ? t(key) : tame(outcome) || t("outcome.live");
}

/** How calling the customer failed. */
const IN_VAIN: Record<string, Key> = {
  busy: "in_vain.busy",
  congested: "in_vain.congested",
  declined: "in_vain.declined",
  no_answer: "in_vain.no_answer",
  unknown: "in_vain.unknown",
};

/** The service's words in a row's text, by what the row tells. */
const REASONS: Record<string, Record<string, Key>> = {
  callback_expired: { ...IN_VAIN, time: "in_vain.time" },
  callback_in_vain: IN_VAIN,
  callback_withdrawn: {
    asked: "withdrawn.asked",
    caller: "withdrawn.caller",
    duplicate: "withdrawn.duplicate",
    erased: "withdrawn.erased",
    got_through: "withdrawn.got_through",
    not_allowed: "withdrawn.not_allowed",
    not_journalled: "withdrawn.not_journalled",
    other: "withdrawn.other",
    queue_gone: "withdrawn.queue_gone",
    solved: "withdrawn.solved",
    wrong_number: "withdrawn.wrong_number",
  },
  ended: {
    agent: "ended.agent",
    caller: "ended.caller",
    system: "ended.system",
    unknown: "ended.unknown",
  },
  left_by_key: {
    callback: "way.callback",
    flow: "way.menu",
    queue: "way.queue",
    voicemail: "way.voicemail",
  },
  missed: {
    declined: "missed.declined",
    no_answer: "missed.no_answer",
    unreachable: "missed.unreachable",
  },
  overflowed: {
    by_hand: "overflowed.by_hand",
    closed: "overflowed.closed",
    estimate: "overflowed.estimate",
    holiday: "overflowed.holiday",
    length: "overflowed.length",
    no_agents: "overflowed.no_agents",
    wait: "overflowed.wait",
  },
  recording_failed: {
    empty: "recording_failed.empty",
    encode: "recording_failed.encode",
    missing: "recording_failed.missing",
  },
};

const ENDS_A_TALK = ["queue", "transferred", "parked", "ended", "agent_lost"];
const EMPTY_IS_OUTSIDE = ["talk", "consult", "transferred"];
const NAMES_A_QUEUE = ["queue", "abandoned", "callback", "fallback", "consult", "transferred", "voicemail"];

function step(row: TimelineRow, agent: string): Step {
  const key = row.what === "recording_failed" && row.text === "truncated" ? "timeline.recording_short" : WORDS[row.what];
  return { at: row.at, word: key ? t(key) : row.what, text: textOf(row), recordingId: row.recording_id, agent };
}

function textOf(row: TimelineRow): string {
  if (row.what === "recording_failed" && row.text === "truncated") return "";
  const reason = REASONS[row.what]?.[row.text];
  if (reason) return t(reason);
  if (!row.text && EMPTY_IS_OUTSIDE.includes(row.what)) return t("timeline.outside");
  if (row.what === "sound") return soundOf(row.text);
  if (row.what === "call_menu") return menuLabel(row.text);
  if (row.what === "menu_result") return menuResult(row.text);
  if (row.what === "parked") return t("parked.place", { slot: row.text });
  return tame(NAMES_A_QUEUE.includes(row.what) ? queueLabel(row.text) : row.text);
}

/** ``verified 1``: the result, and how many PINs were heard. */
function menuResult(text: string): string {
  const [result = "", tries = "0"] = text.split(" ");
  return resultWord(result, Number(tries) || 0);
}

function soundOf(text: string): string {
  const mos = Number(text);
  return Number.isFinite(mos) ? t("timeline.sound_of", { word: t(QUALITY_WORDS[grade(mos)]), mos: mos.toFixed(1) }) : tame(text);
}

export function queueLabel(name: string): string {
  return label(sections.me.value?.queue_labels[name], name);
}

/** What was heard and pressed in the menu, on one line. */
function menuStep(rows: TimelineRow[]): Step {
  const path = rows.filter((row) => row.what === "menu").map((row) => tame(row.text));
  const keys = rows.filter((row) => row.what === "digits").map((row) => tame(row.text));
  const pressed = keys.length ? t("call.digits", { digits: keys.join(" ") }) : "";
  const first = rows[0] as TimelineRow;
  const word = t(path.length ? "timeline.menu" : "timeline.digits");
  const text = path.length ? [path.join(" › "), pressed].filter(Boolean).join(" · ") : keys.join(" ");
  return { at: first.at, word, text, recordingId: null, agent: "" };
}

const isMenu = (row: TimelineRow): boolean => row.what === "menu" || row.what === "digits";

/** In the order in which it happened. A hold that is over is one step, and what follows it is no second talk. */
export function journey(rows: TimelineRow[]): Step[] {
  const sorted = [...rows].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const steps: Step[] = [];
  let talkingWith = "";
  let agent = "";
  for (let i = 0; i < sorted.length; i += 1) {
    const row = sorted[i] as TimelineRow;
    const next = sorted[i + 1];
    if (isMenu(row)) {
      const start = i;
      while (i + 1 < sorted.length && isMenu(sorted[i + 1] as TimelineRow)) i += 1;
      steps.push(menuStep(sorted.slice(start, i + 1)));
    } else if (row.what === "hold" && next?.what === "retrieved") {
      const seconds = (Date.parse(next.at) - Date.parse(row.at)) / 1000;
      steps.push({ ...step(row, agent), text: duration(Math.round(seconds)) });
      i += 1;
    } else if (row.what !== "talk" || row.text !== talkingWith) {
      steps.push(step(row, agent));
    }
    if (row.what === "talk") agent = talkingWith = row.text;
    else if (ENDS_A_TALK.includes(row.what)) talkingWith = "";
  }
  return steps;
}
