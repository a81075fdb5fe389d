// How a line sounds, as a number: the E-model of ITU-T G.107 for a call by packets. Pure.
//
// R runs from 0 to 100 and becomes MOS, 1 to 4.5, by Annex B. All that isn't measured has G.107's default value; a line
// with nothing amiss has R = 93.2. The codec is taken for G.711 with concealment of lost packets (G.113, Appendix I: Ie = 0,
// Bpl = 25.1), the plainer of the two that our exchange speaks with browsers: for Opus no values have been agreed.

const BEST = 93.2;
/** How well lost packets are concealed. */
const BPL = 25.1;

/** Ro, without loss and delay, and Roe, which talker echo is held against: No = -61.18 dBm0p, SLR = 8, RLR = 2. */
const RO = 94.77;
const TELR = 65;
const WEPL = 110;

/** What the mean one-way delay costs: talker echo, listener echo, and the delay itself (G.107, 7.4). */
function delayImpairment(one_way_ms: number): number {
  const t = one_way_ms;
  const terv = TELR - 40 * Math.log10((1 + t / 10) / (1 + t / 150)) + 6 * Math.exp(-0.3 * t * t);
  const re = 80 + 2.5 * (terv - 14);
  const talker = ((RO - re) / 2 + Math.sqrt(((RO - re) / 2) ** 2 + 100) - 1) * (1 - Math.exp(-t));
  const rle = (10.5 * (WEPL + 7)) / (2 * t + 1) ** 0.25;
  const listener = (RO - rle) / 2 + Math.sqrt(((RO - rle) / 2) ** 2 + 169);
  if (t <= 100) return talker + listener;
  const x = Math.log2(t / 100);
  const long = 25 * ((1 + x ** 6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2);
  return talker + listener + long;
}

/** What lost packets cost, when they are lost at random (G.107, 7.5). */
function lossImpairment(lost_percent: number): number {
  return (95 * lost_percent) / (lost_percent + BPL);
}

/** The rating R of a line with so many packets lost, and so long a way for the voice. */
export function rating(lost_percent: number, one_way_ms: number): number {
  const lost = Math.min(100, Math.max(0, lost_percent));
  const late = delayImpairment(Math.max(0, one_way_ms)) - delayImpairment(0);
  return BEST - late - lossImpairment(lost);
}

/** The mean opinion that people would have of it, 1 to 4.5 (G.107, Annex B). */
export function opinion(r: number): number {
  if (r <= 0) return 1;
  if (r >= 100) return 4.5;
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

/** How many are content (G.107, Table B.1): 4 satisfied, 3 some are not, 2 many are not, 1 nearly all are not. */
export function grade(mos: number): 1 | 2 | 3 | 4 {
  if (mos >= opinion(80)) return 4;
  if (mos >= opinion(70)) return 3;
  return mos >= opinion(60) ? 2 : 1;
}
