// The phone in the top bar: which one, whether it works, how the line sounds; underneath, its settings.

import { layer } from "../actions";
import { t } from "../i18n";
import { microphone } from "../microphone";
import { isSpeakerBlocked, registration } from "../phone";
import { quality } from "../quality";
import type { Quality } from "../quality";
import { phase } from "../line";
import { reach } from "../reach";
import { figuresOf, phoneProblem, QUALITY_WORDS } from "../sound";
import { sections } from "../store";
import { isSilenced } from "../sounds";
import { ActionButton } from "./ActionButton";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import { Notifications } from "./Notifications";
import { SoundSettings } from "./SoundSettings";

function Bars({ level }: { level: Quality["bars"] }) {
  return (
    <svg class={`bars level-${level}`} viewBox="0 0 16 12" width="16" height="12" role="img" aria-label={t(QUALITY_WORDS[level])}>
      {[1, 2, 3, 4].map((bar) => (
        <rect key={bar} class={bar <= level ? "lit" : ""} x={(bar - 1) * 4} y={12 - bar * 3} width="3" height={bar * 3} rx="0.5" />
      ))}
    </svg>
  );
}

/** How the line sounds while somebody is at its other end. */
function measured(): Quality | null {
  const isHeard = phase.value === "talking" || phase.value === "conference" || phase.value === "consulting";
  return sections.phone.value?.kind === "browser" && isHeard ? quality.value : null;
}

const KINDS = { browser: "phone.browser", desk: "phone.desk", outside: "phone.outside" } as const;

function word(): string {
  const phone = sections.phone.value;
  if (phone?.kind === "browser") {
    if (microphone.value !== "ok" && microphone.value !== "unknown") return t("phone.no_microphone");
    if (registration.value === "failed") return t("phone.word_refused");
    if (registration.value === "elsewhere") return t("phone.word_elsewhere");
    if (registration.value !== "registered") return t("phone.word_connecting");
    if (isSpeakerBlocked.value || isSilenced.value) return t("phone.word_silenced");
    const now = measured();
    return now ? t(QUALITY_WORDS[now.bars]) : t("phone.word_ready");
  }
  return phone?.state === "unavailable" ? t("phone.word_unreachable") : t("phone.word_ready");
}

export function PhoneStatus() {
  const phone = sections.phone.value;
  const me = sections.me.value;
  if (!phone?.kind || !me) return <span class="phone-status faint">{t("phone.none")}</span>;
  const problem = phoneProblem();
  const now = measured();
  const isShown = now !== null && !problem; // what is wrong comes before how it sounds
  return (
    <div class="anchor">
      <button
        type="button"
        class={`quiet-button phone-status ${problem ? "bad" : ""}`}
        aria-haspopup="dialog"
        aria-expanded={layer.value === "phone"}
        title={problem || (now ? figuresOf(now) : t("phone.menu_hint"))}
        onClick={() => (layer.value = layer.value === "phone" ? "" : "phone")}
      >
        <Icon name={problem ? "alert" : "phone"} />
        <span class="figures">{me.extension}</span>
        <span class="phone-kind">{t(KINDS[phone.kind])}</span>
        {isShown && <Bars level={now.bars} />}
        <span class="phone-word" aria-hidden={isShown ? true : undefined}>
          {word()}
        </span>
      </button>
      <Menu name="phone" label={t("phone.settings")} role="dialog" class="wide">
        {problem && <p class="problem">{problem}</p>}
        {phone.kind === "browser" && <SoundSettings />}
        {phone.kind === "desk" && <p>{t("phone.desk_text", { number: me.extension })}</p>}
        {phone.kind === "outside" && <p>{t("phone.outside_text")}</p>}
        <Notifications />
        <ActionButton action={reach.move} icon="phone" />
      </Menu>
    </div>
  );
}
