// How the line sounds: read from the browser's own count every two seconds, shown as bars and a word, and kept with the
// call by a report every few minutes and at its end.

import { signal } from "@preact/signals";
import { grade, opinion, rating } from "./mos";
import type { QualityReport } from "./protocol";

export interface Quality {
  /** 0: no sound arrives; 1 bad to 4 good. */
  bars: 0 | 1 | 2 | 3 | 4;
  mos: number;
  /** Percent of the packets: towards the agent, and from him as the exchange counts them. */
  lost_in: number;
  lost_out: number | null;
  jitter_ms: number;
  round_trip_ms: number | null;
}

/** What most of the trouble comes from, and so what mends it. */
export type Trouble = "silent" | "lost" | "unheard" | "late" | "";

const SAMPLE_MS = 2_000;
/** So many samples make what is shown: the bars don't flicker, and nothing is said about a moment. */
const WINDOW = 3;
const REPORT_S = 300;
/** A packet's own length of sound: it is spoken before it can be sent. */
const PACKET_MS = 20;
const NEVER_UNSENT = 8;

export const quality = signal<Quality | null>(null);
/** Why the line has been bad for a while; empty when it isn't. */
export const trouble = signal<Trouble>("");
/** Reports that the service hasn't taken yet, oldest first. */
export const unsent = signal<QualityReport[]>([]);

interface Sample {
  received: number;
  lost_in: number;
  lost_out: number | null;
  jitter_ms: number;
  round_trip_ms: number | null;
  one_way_ms: number;
  mos: number;
}

/** Counts since the connection began, of which only what came between two looks tells anything. */
interface Counts {
  received: number;
  lost: number;
  buffer_s: number;
  played: number;
}

const NOTHING: Counts = { received: 0, lost: 0, buffer_s: 0, played: 0 };

/** One look at a connection. */
export function sampleOf(stats: Iterable<RTCStats>, before: Counts): { sample: Sample; counts: Counts } {
  const counts = { ...NOTHING };
  let jitter_ms = 0;
  let fromExchange: number | null = null;
  let byPath: number | null = null;
  let lost_out: number | null = null;
  for (const each of stats) {
    const report = each as RTCStats & Record<string, number | undefined> & { nominated?: boolean };
    if (report.type === "inbound-rtp") {
      counts.received += report["packetsReceived"] ?? 0;
      counts.lost += (report["packetsLost"] ?? 0) + (report["packetsDiscarded"] ?? 0);
      counts.buffer_s += report["jitterBufferDelay"] ?? 0;
      counts.played += report["jitterBufferEmittedCount"] ?? 0;
      jitter_ms = Math.max(jitter_ms, (report["jitter"] ?? 0) * 1000);
    } else if (report.type === "remote-inbound-rtp") {
      if (report["roundTripTime"] !== undefined) fromExchange = report["roundTripTime"] * 1000;
      if (report["fractionLost"] !== undefined) lost_out = report["fractionLost"] * 100;
    } else if (report.type === "candidate-pair" && report.nominated && report["currentRoundTripTime"] !== undefined) {
      byPath = report["currentRoundTripTime"] * 1000;
    }
  }
  const received = Math.max(0, counts.received - before.received);
  const lost = Math.max(0, counts.lost - before.lost);
  const played = counts.played - before.played;
  const buffer_ms = played > 0 ? (1000 * Math.max(0, counts.buffer_s - before.buffer_s)) / played : 0;
  const round_trip_ms = fromExchange ?? byPath;
  const lost_in = received + lost > 0 ? (100 * lost) / (received + lost) : 0;
  const one_way_ms = (round_trip_ms ?? 0) / 2 + buffer_ms + PACKET_MS;
  // A conversation is as good as its worse direction.
  const mos = opinion(rating(Math.max(lost_in, lost_out ?? 0), one_way_ms));
  return { sample: { received, lost_in, lost_out, jitter_ms, round_trip_ms, one_way_ms, mos }, counts };
}

function mean(numbers: number[]): number {
  return numbers.length ? numbers.reduce((sum, each) => sum + each, 0) / numbers.length : 0;
}

function known(numbers: (number | null)[]): number | null {
  const found = numbers.filter((each): each is number => each !== null);
  return found.length ? mean(found) : null;
}

/** What a few samples come to. */
function together(samples: Sample[]): Quality {
  const heard = samples.filter((each) => each.received > 0);
  const mos = heard.length ? mean(heard.map((each) => each.mos)) : 1;
  return {
    bars: heard.length ? grade(mos) : 0,
    mos,
    lost_in: mean(heard.map((each) => each.lost_in)),
    lost_out: known(heard.map((each) => each.lost_out)),
    jitter_ms: mean(heard.map((each) => each.jitter_ms)),
    round_trip_ms: known(heard.map((each) => each.round_trip_ms)),
  };
}

function troubleOf(now: Quality, samples: Sample[]): Trouble {
  if (now.bars === 0) return "silent";
  if (now.bars > 2) return "";
  const lost_out = now.lost_out ?? 0;
  const ways = opinion(rating(Math.max(now.lost_in, lost_out), 0));
  if (ways > opinion(rating(0, mean(samples.map((each) => each.one_way_ms))))) return "late";
  return lost_out > now.lost_in ? "unheard" : "lost";
}

function limited(value: number, most: number): number {
  return Math.min(most, Math.max(0, value));
}

/** Measures a connection until the function returned is called. `callId`: whose figures these are; null: nobody's. */
export function watchQuality(connection: RTCPeerConnection, callId: () => string | null, isTalking: () => boolean): () => void {
  let counts = NOTHING;
  let shown: Sample[] = [];
  let kept: Sample[] = [];
  let keptFor: string | null = null;

  const report = () => {
    const samples = kept.filter((each) => each.received > 0);
    kept = [];
    if (!keptFor || samples.length === 0) return;
    const all = together(samples);
    const next: QualityReport = {
      call_id: keptFor,
      measured_s: Math.round((samples.length * SAMPLE_MS) / 1000),
      lost_in: limited(all.lost_in, 100),
      lost_out: all.lost_out === null ? null : limited(all.lost_out, 100),
      jitter_ms: limited(all.jitter_ms, 60_000),
      round_trip_ms: all.round_trip_ms === null ? null : limited(all.round_trip_ms, 60_000),
      mos: all.mos,
      worst_mos: Math.min(all.mos, ...samples.map((each) => each.mos)),
    };
    unsent.value = [...unsent.value, next].slice(-NEVER_UNSENT);
  };

  const look = async () => {
    const next = sampleOf((await connection.getStats()).values(), counts);
    counts = next.counts;
    if (isOver || !isTalking()) {
      shown = [];
      quality.value = null;
      trouble.value = "";
      return;
    }
    shown = [...shown, next.sample].slice(-WINDOW);
    const now = together(shown);
    quality.value = now;
    trouble.value = shown.length === WINDOW ? troubleOf(now, shown) : "";
    if (keptFor !== callId()) {
      report();
      keptFor = callId();
    }
    kept.push(next.sample);
    if ((kept.length * SAMPLE_MS) / 1000 >= REPORT_S) report();
  };

  let isOver = false;
  const timer = window.setInterval(() => void look().catch(() => undefined), SAMPLE_MS);
  window.addEventListener("pagehide", report);
  return () => {
    isOver = true;
    window.clearInterval(timer);
    window.removeEventListener("pagehide", report);
    report();
    quality.value = null;
    trouble.value = "";
  };
}
