// What a headset says and shows over USB HID, read from its own report descriptor: no table of makers. Pure.
//
// HID Usage Tables: a headset has a collection of the telephony page (0x0B). Its inputs are the hook switch (0x20), the mute
// button (0x2F), flash (0x21) and the like; its outputs are lamps of the LED page (0x08): mute (0x09), off-hook (0x17), ring
// (0x18). Each is a bit field somewhere in a report; an array field names the usage that is pressed instead.

export const TELEPHONY = 0x0b;
export const LED = 0x08;
const HOOK_SWITCH = 0x0b0020;
const PHONE_MUTE = 0x0b002f;
const LAMPS: Record<Lamp, number> = { mute: 0x080009, off_hook: 0x080017, ring: 0x080018 };

export type Lamp = "mute" | "off_hook" | "ring";

/** What of WebHID's `HIDReportItem` is needed; the sizes are in bits. */
export interface Item {
  isArray?: boolean;
  isConstant?: boolean;
  isAbsolute?: boolean;
  isRange?: boolean;
  usages?: number[];
  usageMinimum?: number;
  usageMaximum?: number;
  logicalMinimum?: number;
  reportSize?: number;
  reportCount?: number;
}

export interface Report {
  reportId?: number;
  items?: Item[];
}

export interface Collection {
  usagePage?: number;
  usage?: number;
  children?: Collection[];
  inputReports?: Report[];
  outputReports?: Report[];
}

/** Where one button or lamp stands in its report. */
export interface Field {
  reportId: number;
  /** From the report's first bit. */
  offset: number;
  size: number;
  /** A button that says which way it is, and not only that it was pressed. */
  isAbsolute: boolean;
  /** In an array field: the value that means this usage; how many values there are. */
  index: number | null;
  count: number;
}

export interface Layout {
  hook: Field | null;
  mute: Field | null;
  lamps: Partial<Record<Lamp, Field>>;
  /** How long each output report is, in bytes. */
  lengths: Map<number, number>;
}

function flat(collections: readonly Collection[]): Collection[] {
  return collections.flatMap((each) => [each, ...flat(each.children ?? [])]);
}

/** Which value of an array field, or which of a row of bits, is this usage; null: none. */
function placeOf(item: Item, usage: number): number | null {
  if (item.isRange) {
    const first = item.usageMinimum ?? 0;
    return usage >= first && usage <= (item.usageMaximum ?? -1) ? usage - first : null;
  }
  const usages = item.usages ?? [];
  const found = usages.indexOf(usage);
  return found >= 0 ? found : null;
}

function find(reports: readonly Report[], usage: number): Field | null {
  for (const report of reports) {
    let offset = 0;
    for (const item of report.items ?? []) {
      const size = item.reportSize ?? 0;
      const count = item.reportCount ?? 0;
      const place = item.isConstant ? null : placeOf(item, usage);
      if (place !== null && size > 0 && (item.isArray || place < count)) {
        const start = item.isArray ? offset : offset + place * size;
        const index = item.isArray ? (item.logicalMinimum ?? 0) + place : null;
        return {
          reportId: report.reportId ?? 0,
          offset: start,
          size,
          isAbsolute: item.isAbsolute ?? true,
          index,
          count: item.isArray ? count : 1,
        };
      }
      offset += size * count;
    }
  }
  return null;
}

/** Reads the collections of a device; null: it is no telephone. */
export function readLayout(collections: readonly Collection[]): Layout | null {
  const all = flat(collections);
  if (!all.some((each) => each.usagePage === TELEPHONY)) return null;
  const inputs = all.flatMap((each) => each.inputReports ?? []);
  const outputs = all.flatMap((each) => each.outputReports ?? []);
  const lamps: Layout["lamps"] = {};
  for (const [name, usage] of Object.entries(LAMPS) as [Lamp, number][]) {
    const field = find(outputs, usage);
    if (field) lamps[name] = field;
  }
  const lengths = new Map<number, number>();
  for (const report of outputs) {
    const bits = (report.items ?? []).reduce((sum, item) => sum + (item.reportSize ?? 0) * (item.reportCount ?? 0), 0);
    lengths.set(report.reportId ?? 0, Math.max(lengths.get(report.reportId ?? 0) ?? 0, Math.ceil(bits / 8)));
  }
  const layout = { hook: find(inputs, HOOK_SWITCH), mute: find(inputs, PHONE_MUTE), lamps, lengths };
  return layout.hook || layout.mute ? layout : null;
}

/** Bits of a report, the lowest first, as HID counts them; what lies beyond its end is 0. */
function bitsAt(data: DataView, offset: number, size: number): number {
  let value = 0;
  for (let bit = 0; bit < Math.min(size, 31); bit += 1) {
    const at = offset + bit;
    const byte = at >> 3;
    if (byte < data.byteLength && (data.getUint8(byte) >> (at & 7)) & 1) value |= 1 << bit;
  }
  return value;
}

/** Whether a button is down in this report; null: the report doesn't speak of it. */
export function isDown(field: Field | null, reportId: number, data: DataView): boolean | null {
  if (!field || field.reportId !== reportId) return null;
  if (field.index === null) return bitsAt(data, field.offset, field.size) !== 0;
  for (let each = 0; each < field.count; each += 1) {
    if (bitsAt(data, field.offset + each * field.size, field.size) === field.index) return true;
  }
  return false;
}

/** The output reports that light these lamps and no others. */
export function lampReports(layout: Layout, lit: Record<Lamp, boolean>): Map<number, Uint8Array<ArrayBuffer>> {
  const reports = new Map<number, Uint8Array<ArrayBuffer>>();
  for (const [name, field] of Object.entries(layout.lamps) as [Lamp, Field][]) {
    const bytes = reports.get(field.reportId) ?? new Uint8Array(layout.lengths.get(field.reportId) ?? 1);
    reports.set(field.reportId, bytes);
    const value = field.index ?? 1;
    if (!lit[name]) continue;
    for (let bit = 0; bit < field.size; bit += 1) {
      const at = field.offset + bit;
      if ((value >> bit) & 1 && at >> 3 < bytes.length) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
    }
  }
  return reports;
}

export type Deed = "answer" | "hang_up" | "mute";

/** What the agent did with the buttons of one headset; told by what it said before. */
export class Buttons {
  private hook: boolean | null = null;
  private mute: boolean | null = null;

  constructor(private readonly layout: Layout) {}

  /** What a report means: `isOffHook` and `isMuted` are how the call is now. */
  take(reportId: number, data: DataView, isOffHook: boolean, isMuted: boolean): Deed[] {
    const deeds: Deed[] = [];
    const hook = this.changed("hook", reportId, data);
    if (hook !== null) {
      // An absolute switch says lifted or laid down; a momentary one that it was pressed.
      if (this.layout.hook?.isAbsolute) {
        if (hook !== isOffHook) deeds.push(hook ? "answer" : "hang_up");
      } else if (hook) deeds.push(isOffHook ? "hang_up" : "answer");
    }
    const mute = this.changed("mute", reportId, data);
    if (mute !== null) {
      const isWanted = this.layout.mute?.isAbsolute ? mute !== isMuted : mute;
      if (isWanted) deeds.push("mute");
    }
    return deeds;
  }

  /** What the button says now, if that is news. A relative one says each press anew. */
  private changed(name: "hook" | "mute", reportId: number, data: DataView): boolean | null {
    const now = isDown(this.layout[name], reportId, data);
    if (now === null || now === this[name]) return null;
    const before = this[name];
    this[name] = now;
    return before === null && !now ? null : now;
  }
}
