// The buttons and lamps of headsets on this machine, by WebHID: chosen once in the browser's own dialog, found again at
// every visit (`getDevices`). What a report means is headset.ts's; what is done is the page's own actions. The lamps show
// what the service says of the call.

import { effect, signal } from "@preact/signals";
import { strip } from "./actions";
import type { Action } from "./actions";
import { Buttons, lampReports, readLayout, TELEPHONY } from "./headset";
import type { Collection, Deed, Lamp, Layout } from "./headset";
import { isConnected, isMuted, phase } from "./line";
import { perform } from "./keys";
import { registration } from "./phone";
import { note, sections } from "./store";
import { t } from "./i18n";

/** What of WebHID is used; TypeScript's library doesn't know it. */
interface Device extends EventTarget {
  readonly opened: boolean;
  readonly productName: string;
  readonly collections: readonly Collection[];
  open(): Promise<void>;
  close(): Promise<void>;
  sendReport(reportId: number, data: BufferSource): Promise<void>;
}

interface Hid extends EventTarget {
  getDevices(): Promise<Device[]>;
  requestDevice(options: { filters: { usagePage: number }[] }): Promise<Device[]>;
}

interface InputReport extends Event {
  readonly reportId: number;
  readonly data: DataView;
}

interface Headset {
  device: Device;
  layout: Layout;
  shown: string;
}

const hid = (navigator as Navigator & { hid?: Hid }).hid ?? null;
export const isHeadsetPossible = hid !== null;
/** The headsets whose buttons are listened to, by name. */
export const headsets = signal<string[]>([]);
/** What is wrong, in words; empty when nothing is. */
export const headsetProblem = signal<"" | "other" | "busy">("");

let open: Headset[] = [];
const heard = new WeakMap<Device, Buttons>();

function put(next: Headset[]): void {
  open = next;
  headsets.value = open.map((each) => each.device.productName);
}

/** Asks the browser's own dialog, which only a press of the agent's may open. */
export async function chooseHeadset(): Promise<void> {
  if (!hid) return;
  headsetProblem.value = "";
  try {
    const devices = await hid.requestDevice({ filters: [{ usagePage: TELEPHONY }] });
    for (const device of devices) await listen(device);
    if (devices.length && !open.length && !headsetProblem.value) headsetProblem.value = "other";
  } catch {
    headsetProblem.value = "busy";
  }
}

async function listen(device: Device): Promise<void> {
  const layout = readLayout(device.collections);
  if (!layout || open.some((each) => each.device === device)) return;
  try {
    if (!device.opened) await device.open();
  } catch {
    headsetProblem.value = "busy"; // another program has it
    return;
  }
  if (!heard.has(device)) device.addEventListener("inputreport", pressed);
  heard.set(device, new Buttons(layout)); // plugged in anew, it says anew how it is
  headsetProblem.value = "";
  put([...open, { device, layout, shown: "" }]);
  light();
}

function pressed(event: Event): void {
  const { target, reportId, data } = event as InputReport;
  const deeds = heard.get(target as Device)?.take(reportId, data, isOffHook(), isMuted.peek());
  for (const deed of deeds ?? []) act(deed);
}

const isOffHook = (): boolean => isConnected.value || phase.value === "dialling" || phase.value === "agent_lost";
const DEEDS: Record<Deed, Action> = { answer: strip.answer, hang_up: strip.hangUp, mute: strip.mute };

function act(deed: Deed): void {
  // Another phone than the page's has a headset and keys of its own; another tab answers for itself.
  if (sections.phone.peek()?.kind !== "browser" || registration.peek() === "elsewhere") return;
  perform(DEEDS[deed]);
}

function lit(): Record<Lamp, boolean> {
  const isOurs = sections.phone.value?.kind === "browser";
  return {
    ring: isOurs && phase.value === "ringing",
    off_hook: isOurs && isOffHook(),
    mute: isOurs && isConnected.value && isMuted.value,
  };
}

function light(): void {
  const lamps = lit();
  const wanted = JSON.stringify(lamps);
  for (const each of open) {
    if (each.shown === wanted) continue;
    each.shown = wanted;
    for (const [reportId, data] of lampReports(each.layout, lamps)) {
      each.device.sendReport(reportId, data).catch(() => (each.shown = ""));
    }
  }
}

/** Takes up the headsets that were chosen before, now and whenever one is plugged in. */
export function watchHeadsets(): void {
  if (!hid) return;
  hid.addEventListener("connect", (event) => {
    const { device } = event as Event & { device: Device };
    void listen(device).then(() => {
      if (open.some((each) => each.device === device)) note(t("headset.back"));
    });
  });
  hid.addEventListener("disconnect", (event) => {
    const { device } = event as Event & { device: Device };
    if (!open.some((each) => each.device === device)) return;
    put(open.filter((each) => each.device !== device));
    note(t("headset.gone", { name: device.productName }));
  });
  void hid.getDevices().then(async (devices) => {
    for (const device of devices) await listen(device);
  });
  effect(light);
}
