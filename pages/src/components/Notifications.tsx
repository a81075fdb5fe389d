// Whether and how a page in the background calls its agent: in the phone's settings.

import { t } from "../i18n";
import type { Key } from "../i18n";
import { allowance, allowNotifications, isNameless, setNameless } from "../notify";
import type { Allowance } from "../notify";

const WORDS: Record<Allowance, Key> = {
  default: "notify.text",
  granted: "notify.granted",
  denied: "notify.denied",
  unsupported: "notify.unsupported",
};

export function Notifications() {
  const state = allowance.value;
  return (
    <div class="field notifications">
      <span>{t("notify.setting")}</span>
      <div class="row">
        <button
          type="button"
          class="button"
          aria-disabled={state === "default" ? undefined : true}
          title={state === "default" ? undefined : t(WORDS[state])}
          onClick={() => state === "default" && void allowNotifications()}
        >
          {t("notify.allow")}
        </button>
        <label class="check">
          <input type="checkbox" checked={isNameless.value} onChange={(event) => setNameless(event.currentTarget.checked)} />
          <span>{t("notify.hide_name")}</span>
        </label>
      </div>
      <p class={`device-hint ${state === "denied" ? "problem" : ""}`} role="status">
        {t(WORDS[state])}
      </p>
    </div>
  );
}
