// The page's few sounds, made on the spot: a ring, the beep of an automatic answer, the reminder of a held caller, a tone to
// try the loudspeaker. The ring may sound elsewhere than the voices: aloud in the room while the agent wears a headset.

import { effect, signal } from "@preact/signals";
import { canChooseOutput, inUse } from "./devices";

const STORED = "ringdesk.ring_volume";
export const ringVolume = signal(Number(localStorage.getItem(STORED) ?? "0.6"));
/** The browser lets a page sound only after the first click or key; until then it is told. */
export const isSilenced = signal(false);

type Place = "speaker" | "ring";
type Sounding = AudioContext & { setSinkId?(id: string): Promise<void> };

const contexts: Partial<Record<Place, Sounding>> = {};
let ringing: AudioBufferSourceNode | null = null;
const RING_S = 1.8;

export function setRingVolume(volume: number): void {
  ringVolume.value = volume;
  localStorage.setItem(STORED, String(volume));
}

function ready(place: Place): AudioContext {
  let context = contexts[place];
  if (!context) {
    const made: Sounding = new AudioContext();
    contexts[place] = context = made;
    made.onstatechange = lookAtStates;
    // A device that can't be had leaves it where it is: better heard there than nowhere.
    if (canChooseOutput) effect(() => void made.setSinkId?.(inUse(place)).catch(() => undefined));
  }
  if (context.state === "suspended") void context.resume();
  lookAtStates();
  return context;
}

function lookAtStates(): void {
  isSilenced.value = Object.values(contexts).some((each) => each.state === "suspended");
}

function tone(place: Place, frequency: number, start: number, length: number, volume: number): void {
  const audio = ready(place);
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
  tone("ring", 659, 0, 0.2, volume);
  tone("ring", 880, 0.22, 0.24, volume);
}

/** One stroke and the pause behind it, at full volume. */
function stroke(audio: AudioContext): AudioBuffer {
  const buffer = audio.createBuffer(1, Math.round(RING_S * audio.sampleRate), audio.sampleRate);
  const samples = buffer.getChannelData(0);
  for (const [frequency, start, length] of [[659, 0, 0.2], [880, 0.22, 0.24]] as const) {
    const first = Math.round(start * audio.sampleRate);
    const count = Math.round(length * audio.sampleRate);
    for (let i = 0; i < count; i += 1) {
      const second = i / audio.sampleRate;
      const swell = Math.min(1, second / 0.02, Math.max(0, (length - second) / 0.06));
      samples[first + i] = swell * (2 / Math.PI) * Math.asin(Math.sin(2 * Math.PI * frequency * second));
    }
  }
  return buffer;
}

/** Rings until told otherwise: a loop of the sound system's own, since the timers of a hidden tab run once a minute. */
export function startRinging(): void {
  if (ringing) return;
  const audio = ready("ring");
  const gain = audio.createGain();
  const follow = effect(() => void (gain.gain.value = ringVolume.value * 0.5));
  ringing = audio.createBufferSource();
  ringing.buffer = stroke(audio);
  ringing.loop = true;
  ringing.connect(gain).connect(audio.destination);
  ringing.onended = () => {
    follow();
    gain.disconnect();
  };
  ringing.start();
}

export function stopRinging(): void {
  ringing?.stop();
  ringing = null;
}

export function beep(): void {
  tone("speaker", 988, 0, 0.12, 0.25);
}

/** Somebody waits: two short, soft notes in the headset. */
export function waitingBeep(): void {
  tone("speaker", 880, 0, 0.1, 0.12);
  tone("speaker", 880, 0.16, 0.1, 0.12);
}

export function holdReminder(): void {
  tone("speaker", 440, 0, 0.12, 0.18);
  tone("speaker", 440, 0.2, 0.12, 0.18);
}

/** Where the caller's voice will be heard. */
export function speakerTone(): void {
  tone("speaker", 523, 0, 0.25, 0.3);
  tone("speaker", 659, 0.25, 0.25, 0.3);
  tone("speaker", 784, 0.5, 0.4, 0.3);
}

/** The first click or key of a visit wakes the sound. */
export function wakeOnGesture(): void {
  const wake = () => {
    for (const place of ["speaker", "ring"] as const) {
      if (contexts[place] || isSilenced.value) ready(place);
    }
  };
  window.addEventListener("pointerdown", wake);
  window.addEventListener("keydown", wake);
}
