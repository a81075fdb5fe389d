// Words about the sound: what is wrong with microphone, phone and line, what mends it, and the echo test as an action.

import { computed } from "@preact/signals";
import { layer } from "./actions";
import type { Action } from "./actions";
import { echo, endEcho } from "./echo";
import { t } from "./i18n";
import type { Key } from "./i18n";
import { isLive } from "./line";
import { microphone } from "./microphone";
import type { MicrophoneState } from "./microphone";
import { isSpeakerBlocked, phoneCall, registration, testEcho } from "./phone";
import { trouble } from "./quality";
import type { Quality, Trouble } from "./quality";
import { isSilenced } from "./sounds";
import { sections } from "./store";

export const MIC_WORDS: Record<Exclude<MicrophoneState, "ok" | "unknown">, Key> = {
  blocked: "mic.blocked",
  missing: "mic.missing",
  unplugged: "mic.unplugged",
  busy: "mic.busy",
  insecure: "mic.insecure",
};

export const QUALITY_WORDS: Record<Quality["bars"], Key> = {
  0: "quality.0",
  1: "quality.1",
  2: "quality.2",
  3: "quality.3",
  4: "quality.4",
};

const REMEDIES: Record<Exclude<Trouble, "">, Key> = {
  silent: "quality.silent",
  lost: "quality.lost",
  unheard: "quality.unheard",
  late: "quality.late",
};

/** The figures, for whoever wants them. */
export function figuresOf(now: Quality): string {
  return t("quality.detail", {
    mos: now.mos.toFixed(1),
    lost: now.lost_in.toFixed(1),
    sent: now.lost_out === null ? "–" : now.lost_out.toFixed(1),
    jitter: Math.round(now.jitter_ms),
    ms: now.round_trip_ms === null ? "–" : Math.round(now.round_trip_ms),
  });
}

export const isMicrophoneBad = computed(() => microphone.value !== "ok" && microphone.value !== "unknown");

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
  if (phone.state !== "unavailable") return "";
  return t(phone.kind === "outside" ? "phone.outside_unavailable" : "phone.desk_unavailable");
}

/** What of the sound the agent must know during a call: nobody hears him, or the line is bad; with what mends it. */
export function callTrouble(): { text: string; isUrgent: boolean } | null {
  if (sections.phone.value?.kind !== "browser" || phoneCall.value?.stage !== "up") return null;
  if (microphone.value !== "ok" && microphone.value !== "unknown") return { text: t(MIC_WORDS[microphone.value]), isUrgent: true };
  if (isSpeakerBlocked.value) return { text: t("phone.speaker_blocked"), isUrgent: true };
  return trouble.value ? { text: t(REMEDIES[trouble.value]), isUrgent: false } : null;
}

/** Hear oneself: once called the same button ends it. */
export const echoAction: Action = {
  id: "echo",
  key: "",
  label: () => (echo.value === "up" || echo.value === "calling" ? t("echo.end") : t("echo.call")),
  blocked: () => {
    if (sections.phone.value?.kind !== "browser") return t("why.desk_echo");
    if (echo.value === "up" || echo.value === "calling") return "";
    if (phoneCall.value || isLive(sections.call.value)) return t("why.in_call");
    if (registration.value === "elsewhere") return t("phone.elsewhere");
    return registration.value === "registered" ? "" : t("phone.connecting");
  },
  run: () => {
    if (echo.value === "up" || echo.value === "calling") {
      endEcho();
      return;
    }
    layer.value = "phone";
    testEcho();
  },
};

/** Opens the settings: for the palette, since the button needs a pointer or many tabs. */
export const soundAction: Action = {
  id: "sound",
  key: "",
  label: () => t("phone.settings_long"),
  blocked: () => (sections.phone.value?.kind ? "" : t("phone.none")),
  run: () => (layer.value = "phone"),
};
