// The player, docked above the bottom bar: the waveform comes from the service's peaks, the sound by ranges, so
// that a long recording starts at once. A call that comes in stops it.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type WaveSurfer from "wavesurfer.js";
import { t } from "../i18n";
import { isLive } from "../line";
import { played } from "../player";
import type { Played } from "../player";
import { sections } from "../store";
import { clockface } from "../time";
import { Icon } from "./Icon";
import { When } from "./When";

interface Peaks {
  channels: number;
  sample_rate: number;
  samples_per_pixel: number;
  bits: number;
  length: number;
  data: number[];
}

const SPEEDS = [1, 1.25, 1.5, 2];
const CHANNEL_HEIGHT = 28;

/** The louder half of each pixel, by channel, 0 to 1; the file interleaves min and max of every channel. */
function louder(peaks: Peaks): Float32Array[] {
  const full = 2 ** (peaks.bits - 1);
  return Array.from({ length: peaks.channels }, (_, channel) => {
    const values = new Float32Array(peaks.length);
    for (let pixel = 0; pixel < peaks.length; pixel += 1) {
      const at = (pixel * peaks.channels + channel) * 2;
      values[pixel] = Math.max(Math.abs(peaks.data[at] ?? 0), Math.abs(peaks.data[at + 1] ?? 0)) / full;
    }
    return values;
  });
}

/** Our policy allows no style element; see build.mjs. */
function adoptStyle(surfer: WaveSurfer): void {
  const root = surfer.getWrapper().getRootNode();
  if (!(root instanceof ShadowRoot)) return;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(root.querySelector("template")?.content.textContent ?? "");
  root.adoptedStyleSheets = [sheet];
}

async function open(recording: Played, container: HTMLElement, media: HTMLAudioElement): Promise<WaveSurfer> {
  const base = `/api/v1/recordings/${encodeURIComponent(recording.id)}`;
  const [{ default: Surfer }, response] = await Promise.all([import("wavesurfer.js"), fetch(`${base}/peaks`)]);
  if (!response.ok) throw new Error(String(response.status));
  const peaks = (await response.json()) as Peaks;
  media.src = `${base}/audio`;
  const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const channel = { waveColor: colour("--wave-customer"), progressColor: colour("--wave-played") };
  const surfer = Surfer.create({
    container,
    media,
    peaks: louder(peaks),
    duration: (peaks.length * peaks.samples_per_pixel) / peaks.sample_rate,
    height: CHANNEL_HEIGHT,
    cursorColor: colour("--ink"),
    splitChannels: peaks.channels > 1 ? [channel, { ...channel, waveColor: colour("--wave-agent") }] : undefined,
    ...channel,
    normalize: false,
    barWidth: 2,
    barGap: 1,
    dragToSeek: true,
  } as Parameters<typeof Surfer.create>[0]);
  adoptStyle(surfer);
  return surfer;
}


export function Player() {
  const recording = played.value;
  const box = useRef<HTMLDivElement>(null);
  const surfer = useRef<WaveSurfer | null>(null);
  const problem = useSignal("");
  const isPlaying = useSignal(false);
  const position = useSignal(0);
  const length = useSignal(0);
  const speed = useSignal(1);
  useEffect(() => {
    const container = box.current;
    if (!recording || !container) return undefined;
    let isClosed = false;
    problem.value = "";
    position.value = 0;
    const media = new Audio();
    media.preload = "metadata";
    media.onplay = () => (isPlaying.value = true);
    media.onpause = () => (isPlaying.value = false);
    media.onerror = () => (problem.value = t("player.no_sound"));
    open(recording, container, media).then(
      (opened) => {
        if (isClosed) return opened.destroy();
        surfer.current = opened;
        opened.on("ready", (duration) => (length.value = duration));
        opened.on("timeupdate", (at) => (position.value = at));
        media.playbackRate = speed.peek();
        media.play().catch(() => undefined); // blocked until a click: the button is there
        return undefined;
      },
      () => (problem.value = t("player.not_there")),
    );
    return () => {
      isClosed = true;
      media.pause();
      surfer.current?.destroy();
      surfer.current = null;
    };
  }, [recording]);
  const isInCall = isLive(sections.call.value);
  useEffect(() => {
    if (isInCall) surfer.current?.pause();
  }, [isInCall]);
  if (!recording) return null;
  const next = () => {
    speed.value = SPEEDS[(SPEEDS.indexOf(speed.value) + 1) % SPEEDS.length] ?? 1;
    surfer.current?.setPlaybackRate(speed.value);
  };
  return (
    <section class="player" aria-label={t("player.title")}>
      <button type="button" class="button" aria-label={isPlaying.value ? t("player.pause") : t("player.play")} onClick={() => void surfer.current?.playPause()}>
        <Icon name={isPlaying.value ? "pause" : "play"} />
      </button>
      <div class="player-what">
        <bdi>{recording.title}</bdi>
        <span class="faint">
          <When at={recording.at} />
        </span>
      </div>
      <div class="player-names" aria-hidden="true">
        <span class="customer">{t("player.customer")}</span>
        <span class="agent">{t("player.agent")}</span>
      </div>
      <div class="player-wave" ref={box}>
        {problem.value && <span class="problem">{problem.value}</span>}
      </div>
      <span class="figures">
        {clockface(position.value)} / {clockface(length.value)}
      </span>
      <button type="button" class="button figures" title={t("player.speed")} onClick={next}>
        {speed.value}×
      </button>
      <button type="button" class="icon-button" aria-label={t("player.close")} title={t("player.close")} onClick={() => (played.value = null)}>
        <Icon name="close" />
      </button>
    </section>
  );
}
