// The microphone tried in two clicks: one opens it and shows its level, one says that it is good.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { choices, inUse } from "../devices";
import { t } from "../i18n";
import { closeStream, microphone, openMicrophone } from "../microphone";
import { MIC_WORDS } from "../sound";
import { ringOnce, speakerTone } from "../sounds";
import { Icon } from "./Icon";
import { DeviceChoice, Level } from "./SoundSettings";

export function SoundCheck() {
  const stream = useSignal<MediaStream | null>(null);
  const wasHeard = useSignal(false);
  const isGood = useSignal(false);
  useEffect(() => {
    const open = stream.value;
    return () => closeStream(open);
  }, [stream.value]);
  const start = async () => {
    isGood.value = false;
    wasHeard.value = false;
    stream.value = await openMicrophone();
  };
  // Another one was chosen while the level is looked at.
  useEffect(() => {
    if (stream.peek()) void start();
  }, [inUse("microphone")]);
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
      <Level stream={stream.value} label={t("mic.level")} onHeard={() => (wasHeard.value = true)} />
      {choices("microphone").length > 1 && <DeviceChoice kind="microphone" />}
      {choices("speaker").length > 1 && <DeviceChoice kind="speaker" />}
      <button type="button" class="button" onClick={speakerTone}>
        {t("phone.try_speaker")}
      </button>
      <button type="button" class="button" onClick={ringOnce}>
        {t("phone.try_ring")}
      </button>
      <button type="button" class="button primary" onClick={finish}>
        {t("mic.sounds_good")}
      </button>
    </div>
  );
}
