// The page's few sounds, made on the spot: a ring, the beep of an automatic answer, the reminder of a held caller.

import { signal } from "@preact/signals";

const STORED = "ringdesk.ring_volume";
export const ringVolume = signal(Number(localStorage.getItem(STORED) ?? "0.6"));
/** The browser lets a page sound only after the first click or key; until then it is told. */
export const isSilenced = signal(false);

let context: AudioContext | null = null;
let ringing = 0;

export function setRingVolume(volume: number): void {
  ringVolume.value = volume;
  localStorage.setItem(STORED, String(volume));
}

function ready(): AudioContext {
  if (!context) {
    context = new AudioContext();
    const made = context;
    made.onstatechange = () => (isSilenced.value = made.state === "suspended");
  }
  if (context.state === "suspended") void context.resume();
  isSilenced.value = context.state === "suspended";
  return context;
}

function tone(frequency: number, start: number, length: number, volume: number): void {
  const audio = ready();
  const oscillator = audio.createOscillator();
  const gain = audio.createGain();
  const at = audio.currentTime + start;
  oscillator.type = "triangle";
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(volume, at + 0.02);
  gain.gain.setValueAtTime(volume, at + length - 0.06);
  gain.gain.linearRampToValueAtTime(0, at + length);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + length);
}

/** One stroke of the ring: two notes, less than half a second. */
export function ringOnce(): void {
  const volume = ringVolume.value * 0.5;
  if (volume <= 0) return;
  tone(659, 0, 0.2, volume);
  tone(880, 0.22, 0.24, volume);
}

export function startRinging(): void {
  if (ringing) return;
  ringOnce();
  ringing = window.setInterval(ringOnce, 1_800);
}

export function stopRinging(): void {
  window.clearInterval(ringing);
  ringing = 0;
}

export function beep(): void {
  tone(988, 0, 0.12, 0.25);
}

export function holdReminder(): void {
  tone(440, 0, 0.12, 0.18);
  tone(440, 0.2, 0.12, 0.18);
}

/** The first click or key of a visit wakes the sound. */
export function wakeOnGesture(): void {
  const wake = () => {
    if (context || isSilenced.value) ready();
  };
  window.addEventListener("pointerdown", wake);
  window.addEventListener("keydown", wake);
}
