// The browser phone's settings: what is spoken into, what the voices and the ring come out of, the echo test, and how the
// line sounds now.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { canChooseOutput, choices, choose, chosenDevice, inUse, missing } from "../devices";
import type { DeviceKind } from "../devices";
import { echo, returned } from "../echo";
import { chooseHeadset, headsetProblem, headsets, isHeadsetPossible } from "../headsets";
import { t } from "../i18n";
import type { Key } from "../i18n";
import { changes, closeStream, meter, microphone, openMicrophone } from "../microphone";
import { isSpeakerBlocked, unblockSpeaker } from "../phone";
import { quality } from "../quality";
import { echoAction, figuresOf, QUALITY_WORDS } from "../sound";
import { ringOnce, ringVolume, setRingVolume, speakerTone } from "../sounds";
import { ActionButton } from "./ActionButton";
import { Icon } from "./Icon";

/** Speech at arm's length is louder than this; a quiet room isn't. */
export const HEARD = 0.35;

const NAMES: Record<DeviceKind, Key> = {
  microphone: "phone.microphone",
  speaker: "phone.speaker",
  ring: "phone.ring",
};

/** The devices of one kind; `children` stands beside the list. */
export function DeviceChoice({ kind, children }: { kind: DeviceKind; children?: ComponentChildren }) {
  const isFixed = kind !== "microphone" && !canChooseOutput;
  const gone = missing(kind);
  return (
    <div class="field">
      <label class="field">
        <span>{t(NAMES[kind])}</span>
        <select
          data-device={kind}
          disabled={isFixed}
          aria-describedby={gone || isFixed ? `device-${kind}` : undefined}
          value={gone ? "gone" : inUse(kind)}
          onChange={(event) => choose(kind, event.currentTarget.value)}
        >
          <option value="">{t("phone.default_device")}</option>
          {gone && (
            <option value="gone" disabled>
              {t("device.gone_option", { name: gone })}
            </option>
          )}
          {choices(kind).map((device) => (
            <option key={device.id} value={device.id}>
              {device.name}
            </option>
          ))}
        </select>
      </label>
      {children && <div class="row">{children}</div>}
      {(gone || isFixed) && (
        <p id={`device-${kind}`} class="device-hint" role="status">
          {isFixed ? t("device.fixed") : t("device.gone", { name: chosenDevice(kind)?.name ?? gone })}
        </p>
      )}
    </div>
  );
}

/** How loud a stream is; `onHeard` when somebody speaks. */
export function Level({ stream, label, onHeard }: { stream: MediaStream; label: string; onHeard?: () => void }) {
  const level = useSignal(0);
  useEffect(
    () =>
      meter(stream, (loudness) => {
        level.value = loudness;
        if (loudness > HEARD) onHeard?.();
      }),
    [stream],
  );
  return (
    <div class="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(level.value * 100)}>
      <span style={{ transform: `scaleX(${level.value.toFixed(3)})` }} />
    </div>
  );
}

/** The microphone is open as long as this is looked at. */
function OwnLevel() {
  const stream = useSignal<MediaStream | null>(null);
  const device = inUse("microphone");
  const change = changes.value;
  useEffect(() => {
    let isGone = false;
    let opened: MediaStream | null = null;
    void openMicrophone().then((fresh) => {
      if (isGone) closeStream(fresh);
      else stream.value = opened = fresh;
    });
    return () => {
      isGone = true;
      stream.value = null;
      closeStream(opened);
    };
  }, [device, change]);
  return stream.value ? <Level stream={stream.value} label={t("mic.level")} /> : <div class="meter" aria-hidden="true" />;
}

function Echo() {
  const wasHeard = useSignal(false);
  useEffect(() => {
    if (echo.value === "calling") wasHeard.value = false;
  }, [echo.value]);
  const words: Record<typeof echo.value, Key> = {
    off: wasHeard.value ? "echo.good" : "echo.text",
    calling: "echo.calling",
    up: wasHeard.value ? "echo.heard" : "echo.speak",
    failed: "echo.failed",
  };
  return (
    <div class="echo" data-stage={echo.value}>
      <ActionButton action={echoAction} icon={echo.value === "up" ? "hang_up" : "answer"} isOn={echo.value === "up"} />
      <p role="status" class={wasHeard.value ? "good" : echo.value === "failed" ? "problem" : ""}>
        {wasHeard.value && <Icon name="check" />} {t(words[echo.value])}
      </p>
      {returned.value && <Level stream={returned.value} label={t("echo.level")} onHeard={() => (wasHeard.value = true)} />}
    </div>
  );
}

/** The headset's own buttons; which one, the browser asks. */
function HeadsetButtons() {
  const names = headsets.value;
  const words = !isHeadsetPossible
    ? t("headset.impossible")
    : headsetProblem.value
      ? t(headsetProblem.value === "busy" ? "headset.busy" : "headset.other")
      : names.length
        ? t("headset.on", { name: names.join(", ") })
        : t("headset.none");
  return (
    <div class="field" role="group" aria-label={t("headset.title")}>
      <span>{t("headset.title")}</span>
      <div class="row">
        <button
          type="button"
          class="button"
          data-action="headset"
          aria-disabled={isHeadsetPossible ? undefined : true}
          title={isHeadsetPossible ? undefined : words}
          onClick={() => void chooseHeadset()}
        >
          {t("headset.choose")}
        </button>
      </div>
      <p class="device-hint" role="status">
        {words}
      </p>
    </div>
  );
}

export function SoundSettings() {
  const now = quality.value;
  return (
    <>
      <DeviceChoice kind="microphone">
        <OwnLevel />
        {microphone.value !== "ok" && (
          <button type="button" class="button" onClick={() => (changes.value += 1)}>
            {t("mic.try_again")}
          </button>
        )}
      </DeviceChoice>
      <DeviceChoice kind="speaker">
        <button type="button" class="button" onClick={speakerTone}>
          {t("phone.try_speaker")}
        </button>
        {isSpeakerBlocked.value && (
          <button type="button" class="button primary" onClick={unblockSpeaker}>
            {t("phone.unblock")}
          </button>
        )}
      </DeviceChoice>
      <DeviceChoice kind="ring">
        <input
          type="range"
          min="0"
          max="1"
          step="0.05"
          aria-label={t("phone.ring_volume")}
          value={ringVolume.value}
          onInput={(event) => setRingVolume(Number(event.currentTarget.value))}
        />
        <button type="button" class="button" onClick={ringOnce}>
          {t("phone.try_ring")}
        </button>
      </DeviceChoice>
      <HeadsetButtons />
      <Echo />
      {now && (
        <p class="quality-figures figures">
          {t(QUALITY_WORDS[now.bars])}: {figuresOf(now)}
        </p>
      )}
    </>
  );
}
