// The browser phone: JsSIP registered straight at the exchange, so that a dead service cuts nobody off.
//
// It carries sound and nothing else: what the call is, whether it is held or muted, comes from the service. It
// answers because the agent pressed, or because the service said so (`auto_answer`, after a reload). Leaving the
// page sends no BYE; the service then holds the caller and rings the next registration.
// One tab has the phone, by a Web Lock; another tab that shows the desktop meanwhile passes answers and digits on.
//
// It has two lines: a call that comes while one is up waits on the second. Both are joined to microphone and speaker all the
// time: who of the two is on hold is the exchange's doing, and who is hears nobody and is heard by nobody.

import { computed, effect, signal } from "@preact/signals";
import type { UA } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { IncomingRTCSessionEvent, RTCSessionEvent } from "jssip/lib/UA";
import { canChooseOutput, inUse } from "./devices";
import { echo, endEcho, startEcho } from "./echo";
import { changes, closeStream, isOutdated, openMicrophone, tryMicrophone } from "./microphone";
import type { SipAccount } from "./protocol";
import { watchQuality } from "./quality";

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

const LOCK = "ringdesk-phone";
const CALL_HEADER = "X-Ringdesk-Call";
const BUSY = { status_code: 486 };
/** One more candidate may follow the first at once; waiting for all costs seconds. */
const GATHERING_MS = 60;
/** Three questions of the exchange (`qualify_frequency` in its configuration) and a little more. */
const SILENCE_MS = 15_000;

export const registration = signal<Registration>("off");
export const phoneCall = signal<PhoneCall | null>(null);
/** The other line: a call that waits, or one that was put aside. */
export const secondCall = signal<PhoneCall | null>(null);
export const isSpeakerBlocked = signal(false);
export const isRinging = computed(() => phoneCall.value?.stage === "ringing");

/** Of JsSIP's agent; its types leave it out. */
interface Transport {
  connect(): void;
  disconnect(): void;
}

let agent: UA | null = null;
let quiet = 0;
let account = "";
/** The one that the agent is busy with comes first. */
let lines: Line[] = [];
let stream: Promise<MediaStream | null> = Promise.resolve(null);
let muted = false;
let releaseLock: (() => void) | null = null;
let lockWait: AbortController | null = null;
let stopWhenIdle = false;
let host = "";
let endQuality = (): void => undefined;
let measured: RTCPeerConnection | null = null;
/** Whether the voices should be heard now: on hold nothing comes, and that is no bad line. */
let isTalking = (): boolean => true;
let renewing: Promise<void> = Promise.resolve();

interface Line {
  session: RTCSession;
  call: PhoneCall;
  speaker: HTMLAudioElement;
  connection: RTCPeerConnection | null;
}

const speakers = [document.createElement("audio"), document.createElement("audio")] as const;
for (const each of speakers) each.autoplay = true;
effect(() => {
  const id = inUse("speaker");
  // A device that can't be had leaves the voice where it is: better heard there than nowhere.
  if (canChooseOutput) for (const each of speakers) void each.setSinkId(id).catch(() => undefined);
});

// Another microphone was chosen, or the one that is spoken into is gone: the call goes on with the one to be used now.
effect(() => {
  inUse("microphone");
  if (changes.value >= 0) renewing = renewing.then(renewMicrophone);
});

const otherTab = "BroadcastChannel" in window ? new BroadcastChannel(LOCK) : null;
otherTab?.addEventListener("message", (event: MessageEvent<FromTab>) => {
  if (registration.value === "off" || registration.value === "elsewhere") return;
  const { answer, accept, decline, digit } = event.data;
  if (answer !== undefined) void answerPhone().then((isAnswered) => isAnswered || answerLater(answer));
  else if (accept) void answerSecond();
  else if (decline) declinePhone();
  else if (digit) sendDigit(digit);
});

/** What another tab asks of the one with the phone; `answer` is the call that stood there, or empty. */
type FromTab = { answer?: string; accept?: true; decline?: true; digit?: string };
/** The answer was pressed before the invitation came. */
let answerLater = (_call: string): void => undefined;

export function whenAnsweredEarly(heard: (call: string) => void): void {
  answerLater = heard;
}

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
  host = sip.uri.split("@")[1] ?? sip.realm;
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
  agent.on("disconnected", () => {
    window.clearTimeout(quiet);
    registration.value = "connecting";
  });
  agent.on("newOptions", hearExchange); // answered by JsSIP
  agent.on("registrationFailed", () => (registration.value = "failed"));
  agent.on("newRTCSession", (event: RTCSessionEvent) => {
    if (event.originator === "remote") incoming(event as IncomingRTCSessionEvent);
  });
  agent.start();
}

/** The exchange asks every few seconds whether the phone is there: when it asks no more, the line is dead. */
function hearExchange(): void {
  window.clearTimeout(quiet);
  quiet = window.setTimeout(renew, SILENCE_MS);
}

/** Speaks with the exchange over a new socket; a call that is up stays, since its sound goes another way. */
export function renew(): void {
  window.clearTimeout(quiet);
  const transport = (agent as unknown as { transport: Transport | null } | null)?.transport;
  transport?.disconnect();
  transport?.connect();
}

/** Ends the phone; a call that is up is spoken to its end first. */
export function stopPhone(): void {
  if (lines.length) stopWhenIdle = true;
  else leave();
}

function leave(): void {
  endEcho();
  account = "";
  window.clearTimeout(quiet);
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
  const headers = request as { getHeader(name: string): string | undefined };
  const isAnswerNow = /;\s*answer-after=0\b/.test(headers.getHeader("Call-Info") ?? "");
  for (const line of lines.filter((each) => isDead(each.session))) {
    drop(line);
    line.session.terminate();
  }
  // Waiting is for who talks, and for one: not while another rings, not for a call that answers by itself.
  const front = lines[0];
  if (front && (lines.length > 1 || isAnswerNow || front.call.stage !== "up")) {
    next.terminate(BUSY);
    return;
  }
  endEcho(); // nobody is kept waiting for a test
  if (!front) {
    muted = false;
    stream = openMicrophone(); // now, so that the answer needn't wait for it
  }
  const line: Line = {
    session: next,
    call: {
      stage: "ringing",
      callId: headers.getHeader(CALL_HEADER) ?? null,
      name: next.remote_identity.display_name ?? "",
      number: next.remote_identity.uri.user ?? "",
      since: Date.now(),
      isAnswerNow,
    },
    speaker: front?.speaker === speakers[0] ? speakers[1] : speakers[0],
    connection: null,
  };
  put([...lines, line]);
  next.on("peerconnection", ({ peerconnection }) => {
    line.connection = peerconnection;
    listen(peerconnection, line.speaker);
    measure();
  });
  hurry(next);
  next.on("accepted", () => stage(line, "up"));
  next.on("ended", () => drop(line));
  next.on("failed", () => drop(line));
}

/** Takes the lines as they are now, and shows them. */
function put(next: Line[]): void {
  lines = next;
  phoneCall.value = lines[0]?.call ?? null;
  secondCall.value = lines[1]?.call ?? null;
  measure();
}

function hurry(one: RTCSession): void {
  one.on("icecandidate", ({ ready }) => window.setTimeout(ready, GATHERING_MS));
}

/** Calls the exchange's echo; what comes back is heard where a caller would be. */
export function testEcho(): void {
  if (!agent || lines.length || echo.peek() === "calling" || echo.peek() === "up") return;
  void startEcho(agent, host, {
    ready: hurry,
    hear: (connection) => {
      listen(connection, speakers[0]);
      measure(connection);
    },
    over: () => {
      if (lines.length) return;
      measure();
      speakers[0].srcObject = null;
    },
  });
}

/** A session whose media has been lost; the exchange calls anew after a break in the network. */
function isDead(one: RTCSession): boolean {
  const state = one.connection?.iceConnectionState;
  return one.isEnded() || state === "failed" || state === "disconnected" || state === "closed";
}

function stage(line: Line, next: PhoneCall["stage"]): void {
  if (!lines.includes(line)) return;
  line.call = { ...line.call, stage: next, since: Date.now() };
  put(lines);
}

function drop(line: Line): void {
  if (!lines.includes(line)) return;
  line.speaker.srcObject = null;
  put(lines.filter((each) => each !== line));
  if (lines.length) return;
  void stream.then(closeStream);
  if (stopWhenIdle) leave();
}

function listen(connection: RTCPeerConnection, speaker: HTMLAudioElement): void {
  connection.addEventListener("track", (event) => {
    speaker.srcObject = event.streams[0] ?? new MediaStream([event.track]);
    speaker.play().then(
      () => (isSpeakerBlocked.value = false),
      () => (isSpeakerBlocked.value = true),
    );
  });
}

/** Measures the line that is heard, or the echo test, which is nobody's call. */
function measure(test: RTCPeerConnection | null = null): void {
  const line = lines[0];
  const next = test ?? line?.connection ?? null;
  if (next === measured) return;
  endQuality();
  measured = next;
  endQuality = () => undefined;
  if (test) endQuality = watchQuality(test, () => null, () => true);
  else if (next) endQuality = watchQuality(next, () => line?.call.callId ?? null, () => isTalking());
}

/** The page knows of holding what the phone doesn't. */
export function whenTalking(asked: () => boolean): void {
  isTalking = asked;
}

/** Speaks into the microphone that is to be used now, without a word of SIP. */
async function renewMicrophone(): Promise<void> {
  const before = await stream;
  if (!lines.length || !before || !isOutdated(before)) return;
  const fresh = await openMicrophone();
  const track = fresh?.getAudioTracks()[0];
  if (!fresh || !track) return; // `microphone` says why; the next device that is plugged in is tried
  if (!lines.length || (await stream) !== before) {
    closeStream(fresh);
    return;
  }
  stream = Promise.resolve(fresh);
  for (const line of lines) {
    const sender = line.connection?.getSenders().find((each) => each.track?.kind === "audio");
    await sender?.replaceTrack(track);
  }
  applyMute();
  closeStream(before);
}

/** Plays what the browser kept back until the agent touched the page. */
export function unblockSpeaker(): void {
  const heard = speakers.filter((each) => each.srcObject);
  Promise.all(heard.map((each) => each.play())).then(
    () => (isSpeakerBlocked.value = false),
    () => undefined,
  );
}

/**
 * Answers; false when the microphone can't be had (`microphone` says why) or nothing rings. `call` is what stands on the
 * page, for the tab that has the phone.
 */
export async function answerPhone(call = ""): Promise<boolean> {
  if (registration.value === "elsewhere") {
    otherTab?.postMessage({ answer: call } satisfies FromTab);
    return true;
  }
  return answerLine(lines[0]);
}

/** Answers the call that waits, which is the one that the agent is busy with from then on. */
export async function answerSecond(): Promise<boolean> {
  if (registration.value === "elsewhere") {
    otherTab?.postMessage({ accept: true } satisfies FromTab);
    return true;
  }
  return answerLine(lines[1]);
}

async function answerLine(line: Line | undefined): Promise<boolean> {
  if (!line || line.call.stage !== "ringing") return false;
  stage(line, "answering");
  let sound = await stream;
  if (!sound) {
    stream = openMicrophone();
    sound = await stream;
  }
  if (!lines.includes(line)) return false; // the caller gave up meanwhile
  if (!sound) {
    stage(line, "ringing");
    return false;
  }
  put([line, ...lines.filter((each) => each !== line)]);
  line.session.answer({ mediaStream: sound, pcConfig: { iceServers: [] } });
  applyMute();
  return true;
}

/** The exchange says with which of the two the agent speaks. */
export function hearCall(callId: string): void {
  const [first, second] = lines;
  if (first && second?.call.callId === callId && second.call.stage === "up") put([second, first]);
}

/** Refuses a ringing call; the caller goes on to somebody else. */
export function declinePhone(): void {
  if (registration.value === "elsewhere") otherTab?.postMessage({ decline: true } satisfies FromTab);
  if (lines[0]?.call.stage === "ringing") lines[0].session.terminate(BUSY);
}

/** Refuses the call that waits: only for when the service can't be asked. */
export function declineSecond(): void {
  if (lines[1]?.call.stage === "ringing") lines[1].session.terminate(BUSY);
}

/** Hangs up by SIP: only for when the service can't be asked. */
export function hangUpLocally(): void {
  lines[0]?.session.terminate();
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
  if (registration.value === "elsewhere") otherTab?.postMessage({ digit } satisfies FromTab);
  else if (lines[0]?.session.isEstablished()) lines[0].session.sendDTMF(digit, { duration: 100, interToneGap: 80 });
}

/** Tells the phone what the service calls its call; of two, the one that has no name yet. */
export function nameCall(callId: string): void {
  if (lines.some((each) => each.call.callId === callId)) return;
  const line = lines.length > 1 ? lines.find((each) => !each.call.callId) : lines[0];
  if (!line) return;
  line.call = { ...line.call, callId };
  put(lines);
}
