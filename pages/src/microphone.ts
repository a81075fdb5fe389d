// The agent's microphone: opening it, saying in our own words why that failed, and its level.

import { signal } from "@preact/signals";
import type { Microphone } from "./protocol";

export type MicrophoneState = "unknown" | "ok" | "blocked" | "missing" | "busy" | "insecure";

export const microphone = signal<MicrophoneState>("unknown");
export const devices = signal<{ id: string; name: string }[]>([]);

const STORED = "ringdesk.microphone";
export const chosenDevice = signal(localStorage.getItem(STORED) ?? "");

export function chooseDevice(id: string): void {
  localStorage.setItem(STORED, id);
  chosenDevice.value = id;
}

function reason(error: unknown): MicrophoneState {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "blocked";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "missing";
}

/** Opens the microphone. Null when that failed; `microphone` then says why. The caller closes the stream. */
export async function openMicrophone(): Promise<MediaStream | null> {
  if (!navigator.mediaDevices) {
    microphone.value = "insecure"; // only https and the machine itself get one
    return null;
  }
  try {
    const deviceId = chosenDevice.value ? { deviceId: { ideal: chosenDevice.value } } : {};
    const audio = { ...deviceId, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    microphone.value = "ok";
    void listDevices();
    return stream;
  } catch (error) {
    microphone.value = reason(error);
    return null;
  }
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

async function listDevices(): Promise<void> {
  const all = await navigator.mediaDevices.enumerateDevices();
  devices.value = all
    .filter((device) => device.kind === "audioinput" && device.deviceId && device.label)
    .map((device) => ({ id: device.deviceId, name: device.label }));
}

/** Follows what the user does in the browser's own settings and with the headset's plug. */
export function watchMicrophone(): void {
  navigator.mediaDevices?.addEventListener("devicechange", () => {
    if (microphone.value !== "unknown") void tryMicrophone();
  });
  navigator.permissions
    ?.query({ name: "microphone" as PermissionName })
    .then((status) => {
      status.onchange = () => {
        if (status.state === "denied") microphone.value = "blocked";
        else if (status.state === "granted" && microphone.value === "blocked") void tryMicrophone();
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
