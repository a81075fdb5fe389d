// The agent's microphone: opening it, saying in our own words why that failed or that it is gone, and its level.

import { signal } from "@preact/signals";
import { inUse, listDevices } from "./devices";
import type { Microphone } from "./protocol";

export type MicrophoneState = "unknown" | "ok" | "blocked" | "missing" | "unplugged" | "busy" | "insecure";

export const microphone = signal<MicrophoneState>("unknown");
/** Counts what may call for another microphone: one unplugged, one plugged in, one chosen. */
export const changes = signal(0);
/** Chosen devices that have just gone, or come back, by name: to be said. */
export const pluggedNews = signal<{ gone: string[]; back: string[] }>({ gone: [], back: [] });

/** For which device each open stream was opened. */
const openedFor = new WeakMap<MediaStream, string>();
let wasUnplugged = false;

function reason(error: unknown): MicrophoneState {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "blocked";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return wasUnplugged ? "unplugged" : "missing";
}

/** Opens the microphone. Null when that failed; `microphone` then says why. The caller closes the stream. */
export async function openMicrophone(): Promise<MediaStream | null> {
  if (!navigator.mediaDevices) {
    microphone.value = "insecure"; // only https and the machine itself get one
    return null;
  }
  try {
    const id = inUse("microphone");
    const stream = await listenTo(id);
    openedFor.set(stream, id);
    // Our own stopping of a track tells nothing; a plug that is pulled does.
    for (const track of stream.getAudioTracks()) track.addEventListener("ended", unplugged);
    microphone.value = "ok";
    wasUnplugged = false;
    void lookAgain();
    return stream;
  } catch (error) {
    microphone.value = reason(error);
    return null;
  }
}

/** A device that can't be had is no reason to have none. */
async function listenTo(id: string): Promise<MediaStream> {
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  if (id) {
    try {
      // "ideal" is only a wish: Chromium gives the default where that is open already.
      return await navigator.mediaDevices.getUserMedia({ audio: { ...audio, deviceId: { exact: id } } });
    } catch (error) {
      const name = error instanceof Error ? error.name : "";
      if (name !== "OverconstrainedError" && name !== "NotFoundError") throw error;
    }
  }
  return navigator.mediaDevices.getUserMedia({ audio });
}

function unplugged(): void {
  wasUnplugged = true;
  microphone.value = "unplugged";
  changes.value += 1;
}

/** Whether an open stream is no longer what should be spoken into. */
export function isOutdated(stream: MediaStream | null): boolean {
  if (!stream) return true;
  return stream.getAudioTracks().some((track) => track.readyState === "ended") || openedFor.get(stream) !== inUse("microphone");
}

export function closeStream(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Opens and closes it, to know. */
export async function tryMicrophone(): Promise<boolean> {
  const stream = await openMicrophone();
  closeStream(stream);
  return stream !== null;
}

async function lookAgain(): Promise<void> {
  const news = await listDevices();
  if (news.gone.length || news.back.length) pluggedNews.value = news;
}

/** Follows what the user does in the browser's own settings and with the headset's plug. */
export function watchMicrophone(): void {
  navigator.mediaDevices?.addEventListener("devicechange", () => {
    if (microphone.value === "unknown") return;
    void lookAgain()
      .then(tryMicrophone)
      .then(() => (changes.value += 1));
  });
  navigator.permissions
    ?.query({ name: "microphone" as PermissionName })
    .then((status) => {
      status.onchange = () => {
        if (status.state === "denied") microphone.value = "blocked";
        else if (status.state === "granted" && microphone.value === "blocked") void tryMicrophone().then(() => (changes.value += 1));
      };
    })
    .catch(() => undefined); // a browser that doesn't know this permission by name
}

/** How the protocol says it: it knows three words. */
export function reported(state: MicrophoneState): Microphone | null {
  if (state === "unknown") return null;
  if (state === "ok") return "ok";
  return state === "blocked" || state === "insecure" ? "blocked" : "missing";
}

/** Calls back with the loudness, 0 to 1, about thirty times a second; returns the end of it. */
export function meter(stream: MediaStream, show: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = window.setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    const decibels = 10 * Math.log10(sum / samples.length + 1e-9);
    show(Math.min(1, Math.max(0, (decibels + 60) / 50)));
  }, 33);
  return () => {
    window.clearInterval(timer);
    void context.close();
  };
}
