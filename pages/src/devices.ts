// Which microphone, loudspeaker and ring device the agent chose, in this browser; and which is used, since a chosen one
// may be unplugged. Then the system's default is used until it is back.

import { signal } from "@preact/signals";

export type DeviceKind = "microphone" | "speaker" | "ring";

export interface Device {
  id: string;
  name: string;
}

/** The browser lists these beside the devices they stand for: we have a name of our own for "the default". */
const ALIASES = ["default", "communications", ""];
const KINDS: DeviceKind[] = ["microphone", "speaker", "ring"];

/** What is plugged in; null: the browser hasn't said (it does once it gave us a microphone). */
const plugged = signal<Record<"audioinput" | "audiooutput", Device[]> | null>(null);

const chosen = {
  microphone: signal(stored("microphone")),
  speaker: signal(stored("speaker")),
  ring: signal(stored("ring")),
};

/** Whether this browser lets a page choose where it sounds. */
export const canChooseOutput = "setSinkId" in HTMLMediaElement.prototype && "setSinkId" in AudioContext.prototype;

function stored(kind: DeviceKind): Device | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(`ringdesk.device.${kind}`) ?? "null");
    const { id, name } = (value ?? {}) as Partial<Device>;
    return typeof id === "string" && typeof name === "string" && id ? { id, name } : null;
  } catch {
    return null;
  }
}

export function choices(kind: DeviceKind): Device[] {
  return plugged.value?.[kind === "microphone" ? "audioinput" : "audiooutput"] ?? [];
}

export function chosenDevice(kind: DeviceKind): Device | null {
  return chosen[kind].value;
}

/** Chooses a device; an empty id: the system's default. */
export function choose(kind: DeviceKind, id: string): void {
  const device = choices(kind).find((each) => each.id === id) ?? null;
  if (device) localStorage.setItem(`ringdesk.device.${kind}`, JSON.stringify(device));
  else localStorage.removeItem(`ringdesk.device.${kind}`);
  chosen[kind].value = device;
}

/** The id of the device to use now; empty: the system's default. The same headset at another plug has another id. */
export function inUse(kind: DeviceKind): string {
  const device = chosen[kind].value;
  if (!device || !plugged.value) return device?.id ?? "";
  const here = choices(kind);
  return (here.find((each) => each.id === device.id) ?? here.find((each) => each.name === device.name))?.id ?? "";
}

/** The name of the chosen device, if it isn't plugged in. */
export function missing(kind: DeviceKind): string {
  const device = chosen[kind].value;
  return device && plugged.value && !inUse(kind) ? device.name : "";
}

/** Asks the browser what is plugged in; returns the names of chosen devices that have gone, and those that are back. */
export async function listDevices(): Promise<{ gone: string[]; back: string[] }> {
  const before = KINDS.map(missing);
  const all = (await navigator.mediaDevices.enumerateDevices()).filter((each) => each.label);
  if (!all.length) return { gone: [], back: [] };
  const of = (kind: MediaDeviceKind): Device[] =>
    all
      .filter((each) => each.kind === kind && !ALIASES.includes(each.deviceId))
      .map((each) => ({ id: each.deviceId, name: each.label }));
  plugged.value = { audioinput: of("audioinput"), audiooutput: of("audiooutput") };
  const after = KINDS.map(missing);
  const names = (some: string[], others: string[]) => [...new Set(some.filter((name, i) => name && name !== others[i]))];
  return { gone: names(after, before), back: names(before, after) };
}
