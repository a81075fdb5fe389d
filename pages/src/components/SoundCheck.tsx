// The microphone tried in two clicks: one opens it and shows its level, one says that it is good.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../i18n";
import { closeStream, meter, microphone, openMicrophone } from "../microphone";
import { ringOnce } from "../sounds";
import { Icon } from "./Icon";
import { MIC_WORDS } from "./PhoneStatus";

/** Speech at arm's length is louder than this; a quiet room isn't. */
const HEARD = 0.35;

export function SoundCheck() {
  const stream = useSignal<MediaStream | null>(null);
  const level = useSignal(0);
  const wasHeard = useSignal(false);
  const isGood = useSignal(false);
  useEffect(() => {
    const open = stream.value;
    if (!open) return undefined;
    const stop = meter(open, (loudness) => {
      level.value = loudness;
      if (loudness > HEARD) wasHeard.value = true;
    });
    return () => {
      stop();
      closeStream(open);
    };
  }, [stream.value]);
  const start = async () => {
    isGood.value = false;
    wasHeard.value = false;
    stream.value = await openMicrophone();
  };
  const finish = () => {
    isGood.value = true;
    stream.value = null;
  };
  if (microphone.value !== "ok" && microphone.value !== "unknown") {
    return (
      <div class="sound-check">
        <p class="problem" role="alert">
          <Icon name="alert" /> {t(MIC_WORDS[microphone.value])}
        </p>
        <button type="button" class="button" onClick={() => void start()}>
          {t("mic.try_again")}
        </button>
      </div>
    );
  }
  if (!stream.value) {
    return (
      <div class="sound-check">
        <p class={isGood.value ? "good" : "faint"}>
          {isGood.value && <Icon name="check" />} {isGood.value ? t("mic.good") : t("mic.check_text")}
        </p>
        <button type="button" class="button" onClick={() => void start()}>
          {isGood.value ? t("mic.again") : t("mic.check")}
        </button>
      </div>
    );
  }
  return (
    <div class="sound-check">
      <p role="status">{wasHeard.value ? t("mic.heard") : t("mic.speak")}</p>
      <div class="meter" role="meter" aria-label={t("mic.level")} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(level.value * 100)}>
        <span style={{ transform: `scaleX(${level.value.toFixed(3)})` }} />
      </div>
      <button type="button" class="button" onClick={ringOnce}>
        {t("phone.try_ring")}
      </button>
      <button type="button" class="button primary" onClick={finish}>
        {t("mic.sounds_good")}
      </button>
    </div>
  );
}
