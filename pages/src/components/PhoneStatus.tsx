// The phone in the top bar: which one, whether it works, how the line sounds; underneath, its settings.

import { layer } from "../actions";
import { t } from "../i18n";
import type { Key } from "../i18n";
import { chooseDevice, chosenDevice, devices, microphone, tryMicrophone } from "../microphone";
import type { MicrophoneState } from "../microphone";
import { isSpeakerBlocked, quality, registration, unblockSpeaker } from "../phone";
import type { Quality } from "../phone";
import { phase } from "../line";
import { reach } from "../reach";
import { sections } from "../store";
import { isSilenced, ringOnce, ringVolume, setRingVolume } from "../sounds";
import { ActionButton } from "./ActionButton";
import { Icon } from "./Icon";
import { Menu } from "./Menu";

export const MIC_WORDS: Record<Exclude<MicrophoneState, "ok" | "unknown">, Key> = {
  blocked: "mic.blocked",
  missing: "mic.missing",
  busy: "mic.busy",
  insecure: "mic.insecure",
};

const QUALITY_WORDS: Record<Quality["bars"], Key> = {
  0: "quality.0",
  1: "quality.1",
  2: "quality.2",
  3: "quality.3",
  4: "quality.4",
};

function Bars({ level }: { level: Quality["bars"] }) {
  return (
    <svg class={`bars level-${level}`} viewBox="0 0 16 12" width="16" height="12" aria-hidden="true">
      {[1, 2, 3, 4].map((bar) => (
        <rect key={bar} class={bar <= level ? "lit" : ""} x={(bar - 1) * 4} y={12 - bar * 3} width="3" height={bar * 3} rx="0.5" />
      ))}
    </svg>
  );
}

/** What is wrong with the phone, with the way to mend it; empty when nothing is. */
export function phoneProblem(): string {
  const phone = sections.phone.value;
  if (!phone?.kind) return "";
  if (phone.kind === "browser") {
    if (microphone.value !== "ok" && microphone.value !== "unknown") return t(MIC_WORDS[microphone.value]);
    if (registration.value === "failed") return t("phone.refused");
    if (registration.value === "elsewhere") return t("phone.elsewhere");
    if (registration.value === "connecting") return t("phone.connecting");
    if (isSpeakerBlocked.value) return t("phone.speaker_blocked");
    if (isSilenced.value) return t("phone.silenced");
    return "";
  }
  return phone.state === "unavailable" ? t("phone.desk_unavailable") : "";
}

function word(): string {
  const phone = sections.phone.value;
  if (phone?.kind === "browser") {
    if (microphone.value !== "ok" && microphone.value !== "unknown") return t("phone.no_microphone");
    if (registration.value === "failed") return t("phone.word_refused");
    if (registration.value === "elsewhere") return t("phone.word_elsewhere");
    if (registration.value !== "registered") return t("phone.word_connecting");
    if (isSpeakerBlocked.value || isSilenced.value) return t("phone.word_silenced");
    if (phase.value === "talking" && quality.value) return t(QUALITY_WORDS[quality.value.bars]);
    return t("phone.word_ready");
  }
  return phone?.state === "unavailable" ? t("phone.word_unreachable") : t("phone.word_ready");
}

export function PhoneStatus() {
  const phone = sections.phone.value;
  const me = sections.me.value;
  if (!phone?.kind || !me) return <span class="phone-status faint">{t("phone.none")}</span>;
  const problem = phoneProblem();
  const isMeasured = phone.kind === "browser" && phase.value === "talking" && quality.value;
  return (
    <div class="anchor">
      <button
        type="button"
        class={`quiet-button phone-status ${problem ? "bad" : ""}`}
        aria-haspopup="dialog"
        aria-expanded={layer.value === "phone"}
        title={problem || t("phone.menu_hint")}
        onClick={() => (layer.value = layer.value === "phone" ? "" : "phone")}
      >
        <Icon name={problem ? "alert" : "phone"} />
        <span class="figures">{me.extension}</span>
        <span class="phone-kind">{phone.kind === "browser" ? t("phone.browser") : t("phone.desk")}</span>
        {isMeasured && quality.value && <Bars level={quality.value.bars} />}
        <span class="phone-word">{word()}</span>
      </button>
      <Menu name="phone" label={t("phone.settings")} role="dialog" class="wide">
        {problem && <p class="problem">{problem}</p>}
        {phone.kind === "browser" ? <BrowserPhoneSettings /> : <p>{t("phone.desk_text", { number: me.extension })}</p>}
        <ActionButton action={reach.move} icon="phone" />
      </Menu>
    </div>
  );
}

function BrowserPhoneSettings() {
  const measured = quality.value;
  return (
    <>
      <label class="field">
        <span>{t("phone.microphone")}</span>
        <span class="row">
          <select value={chosenDevice.value} onChange={(event) => chooseDevice(event.currentTarget.value)}>
            <option value="">{t("phone.default_device")}</option>
            {devices.value.map((device) => (
              <option key={device.id} value={device.id}>
                {device.name}
              </option>
            ))}
          </select>
          <button type="button" class="button" onClick={() => void tryMicrophone()}>
            {t("mic.try_again")}
          </button>
        </span>
      </label>
      <label class="field">
        <span>{t("phone.ring_volume")}</span>
        <span class="row">
          <input
            type="range"
            min="0"
            max="1"
            step="0.05"
            value={ringVolume.value}
            onInput={(event) => setRingVolume(Number(event.currentTarget.value))}
          />
          <button type="button" class="button" onClick={ringOnce}>
            {t("phone.try_ring")}
          </button>
        </span>
      </label>
      {isSpeakerBlocked.value && (
        <button type="button" class="button primary" onClick={unblockSpeaker}>
          {t("phone.unblock")}
        </button>
      )}
      {measured && (
        <p class="faint figures">
          {t("quality.detail", { ms: Math.round(measured.round_trip_ms ?? 0), lost: measured.lost_percent.toFixed(1) })}
        </p>
      )}
    </>
  );
}
