// The browser phone: JsSIP registered straight at the exchange, so that a dead service cuts nobody off.
//
// It carries sound and nothing else: what the call is, whether it is held or muted, comes from the service. It
// answers because the agent pressed, or because the service said so (`auto_answer`, after a reload). Leaving the
// page sends no BYE; the service then holds the caller and rings the next registration.
// One tab has the phone, by a Web Lock; another tab that shows the desktop meanwhile passes answers and digits on.

import { computed, signal } from "@preact/signals";
import type { UA } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { IncomingRTCSessionEvent, RTCSessionEvent } from "jssip/lib/UA";
import { closeStream, openMicrophone, tryMicrophone } from "./microphone";
import type { SipAccount } from "./protocol";

export type Registration = "off" | "connecting" | "registered" | "failed" | "elsewhere";

export interface PhoneCall {
  stage: "ringing" | "answering" | "up";
  /** The service's name for it; null until the service has said. */
  callId: string | null;
  name: string;
  number: string;
  since: number;
  /** The exchange asks for an answer at once: this ring belongs to a command. */
  isAnswerNow: boolean;
}

export interface Quality {
  bars: 0 | 1 | 2 | 3 | 4;
  round_trip_ms: number | null;
  lost_percent: number;
}

const LOCK = "ringdesk-phone";
const CALL_HEADER = "X-Ringdesk-Call";
const BUSY = { status_code: 486 };
const STATS_MS = 2_000;
/** One more candidate may follow the first at once; waiting for all costs seconds. */
const GATHERING_MS = 60;

export const registration = signal<Registration>("off");
export const phoneCall = signal<PhoneCall | null>(null);
export const quality = signal<Quality | null>(null);
export const isSpeakerBlocked = signal(false);
export const isRinging = computed(() => phoneCall.value?.stage === "ringing");

let agent: UA | null = null;
let account = "";
let session: RTCSession | null = null;
let stream: Promise<MediaStream | null> = Promise.resolve(null);
let muted = false;
let releaseLock: (() => void) | null = null;
let lockWait: AbortController | null = null;
let stopWhenIdle = false;
let statsTimer = 0;

const speaker = document.createElement("audio");
speaker.autoplay = true;

const otherTab = "BroadcastChannel" in window ? new BroadcastChannel(LOCK) : null;
otherTab?.addEventListener("message", (event: MessageEvent<{ answer?: true; digit?: string }>) => {
  if (registration.value === "elsewhere" || !session) return;
  if (event.data.answer) void answerPhone();
  else if (event.data.digit) sendDigit(event.data.digit);
});

/** Waits for the tab's turn and registers. Called again with the same account it does nothing. */
export async function startPhone(sip: SipAccount): Promise<void> {
  const wanted = JSON.stringify(sip);
  stopWhenIdle = false;
  if (wanted === account) return;
  if (account) leave();
  account = wanted;
  void tryMicrophone();
  if (!(await takeTurn()) || account !== wanted) return;
  registration.value = "connecting";
  const { UA: UserAgent, WebSocketInterface } = await import("./sip");
  if (account !== wanted) return;
  agent = new UserAgent({
    sockets: new WebSocketInterface(sip.url),
    uri: sip.uri,
    authorization_user: sip.user,
    password: sip.password,
    ...(sip.realm ? { realm: sip.realm } : {}),
    register_expires: 120,
    session_timers: false,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 8,
    user_agent: "ringdesk",
  });
  agent.on("registered", () => (registration.value = "registered"));
  agent.on("unregistered", () => (registration.value = "connecting"));
  agent.on("disconnected", () => (registration.value = "connecting"));
  agent.on("registrationFailed", () => (registration.value = "failed"));
  agent.on("newRTCSession", (event: RTCSessionEvent) => {
    if (event.originator === "remote") incoming(event as IncomingRTCSessionEvent);
  });
  agent.start();
}

/** Ends the phone; a call that is up is spoken to its end first. */
export function stopPhone(): void {
  if (session) stopWhenIdle = true;
  else leave();
}

function leave(): void {
  account = "";
  lockWait?.abort();
  agent?.stop();
  agent = null;
  registration.value = "off";
  releaseLock?.();
  releaseLock = null;
}

/** Resolves when this tab may have the phone; false when nobody wants it any more. */
function takeTurn(): Promise<boolean> {
  if (!navigator.locks) return Promise.resolve(true);
  const wait = new AbortController();
  lockWait = wait;
  const patience = window.setTimeout(() => (registration.value = "elsewhere"), 250);
  return new Promise((resolve) => {
    navigator.locks
      .request(LOCK, { signal: wait.signal }, () => {
        window.clearTimeout(patience);
        resolve(true);
        return new Promise<void>((release) => (releaseLock = release));
      })
      .catch(() => {
        window.clearTimeout(patience);
        resolve(false);
      });
  });
}

function incoming({ session: next, request }: IncomingRTCSessionEvent): void {
  if (session && !isDead(session)) {
    next.terminate(BUSY);
    return;
  }
  session?.terminate();
  session = next;
  muted = false;
  const headers = request as { getHeader(name: string): string | undefined };
  phoneCall.value = {
    stage: "ringing",
    callId: headers.getHeader(CALL_HEADER) ?? null,
    name: next.remote_identity.display_name ?? "",
    number: next.remote_identity.uri.user ?? "",
    since: Date.now(),
    isAnswerNow: /;\s*answer-after=0\b/.test(headers.getHeader("Call-Info") ?? ""),
  };
  stream = openMicrophone(); // now, so that the answer needn't wait for it
  next.on("peerconnection", ({ peerconnection }) => listen(peerconnection));
  next.on("icecandidate", ({ ready }) => window.setTimeout(ready, GATHERING_MS));
  next.on("accepted", () => stage("up"));
  next.on("ended", () => over(next));
  next.on("failed", () => over(next));
}

/** A session whose media has been lost; the exchange calls anew after a break in the network. */
function isDead(one: RTCSession): boolean {
  const state = one.connection?.iceConnectionState;
  return one.isEnded() || state === "failed" || state === "disconnected" || state === "closed";
}

function stage(next: PhoneCall["stage"]): void {
  if (phoneCall.value) phoneCall.value = { ...phoneCall.value, stage: next, since: Date.now() };
}

function over(which: RTCSession): void {
  if (session !== which) return;
  session = null;
  phoneCall.value = null;
  quality.value = null;
  window.clearInterval(statsTimer);
  void stream.then(closeStream);
  speaker.srcObject = null;
  if (stopWhenIdle) leave();
}

function listen(connection: RTCPeerConnection): void {
  connection.addEventListener("track", (event) => {
    speaker.srcObject = event.streams[0] ?? new MediaStream([event.track]);
    speaker.play().then(
      () => (isSpeakerBlocked.value = false),
      () => (isSpeakerBlocked.value = true),
    );
  });
  window.clearInterval(statsTimer);
  statsTimer = window.setInterval(() => void measure(connection), STATS_MS);
}

/** Plays what the browser kept back until the agent touched the page. */
export function unblockSpeaker(): void {
  speaker.play().then(
    () => (isSpeakerBlocked.value = false),
    () => undefined,
  );
}

/** Answers; false when the microphone can't be had (`microphone` says why) or nothing rings. */
export async function answerPhone(): Promise<boolean> {
  if (registration.value === "elsewhere") {
    otherTab?.postMessage({ answer: true });
    return true;
  }
  const one = session;
  if (!one || phoneCall.value?.stage !== "ringing") return false;
  stage("answering");
  let sound = await stream;
  if (!sound) {
    stream = openMicrophone();
    sound = await stream;
  }
  if (session !== one) return false; // the caller gave up meanwhile
  if (!sound) {
    stage("ringing");
    return false;
  }
  one.answer({ mediaStream: sound, pcConfig: { iceServers: [] } });
  applyMute();
  return true;
}

/** Refuses a ringing call; the caller goes on to somebody else. */
export function declinePhone(): void {
  if (session && phoneCall.value?.stage === "ringing") session.terminate(BUSY);
}

/** Hangs up by SIP: only for when the service can't be asked. */
export function hangUpLocally(): void {
  session?.terminate();
}

export function setPhoneMuted(next: boolean): void {
  muted = next;
  applyMute();
}

function applyMute(): void {
  void stream.then((sound) => {
    for (const track of sound?.getAudioTracks() ?? []) track.enabled = !muted;
  });
}

export function sendDigit(digit: string): void {
  if (registration.value === "elsewhere") otherTab?.postMessage({ digit });
  else if (session?.isEstablished()) session.sendDTMF(digit, { duration: 100, interToneGap: 80 });
}

/** Tells the phone what the service calls its call. */
export function nameCall(callId: string): void {
  if (phoneCall.value && phoneCall.value.callId !== callId) phoneCall.value = { ...phoneCall.value, callId };
}

let last = { received: 0, lost: 0 };

async function measure(connection: RTCPeerConnection): Promise<void> {
  let round_trip: number | null = null;
  let jitter = 0;
  const total = { received: 0, lost: 0 };
  for (const report of (await connection.getStats()).values()) {
    if (report.type === "inbound-rtp") {
      total.received += report.packetsReceived ?? 0;
      total.lost += report.packetsLost ?? 0;
      jitter = report.jitter ?? 0;
    } else if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime !== undefined) {
      round_trip = report.currentRoundTripTime * 1000;
    }
  }
  const received = Math.max(0, total.received - last.received);
  const lost = Math.max(0, total.lost - last.lost);
  last = total;
  const lost_percent = received + lost > 0 ? (100 * lost) / (received + lost) : 0;
  quality.value = { bars: bars(received, lost_percent, round_trip ?? 0, jitter * 1000), round_trip_ms: round_trip, lost_percent };
}

function bars(received: number, lost: number, round_trip: number, jitter: number): Quality["bars"] {
  if (received === 0) return 0;
  if (lost > 8 || round_trip > 600) return 1;
  if (lost > 3 || round_trip > 300 || jitter > 60) return 2;
  if (lost > 1 || round_trip > 150 || jitter > 30) return 3;
  return 4;
}
