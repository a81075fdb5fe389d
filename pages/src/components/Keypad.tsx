// The keys of a telephone: pressed or typed, sent one after the other by the exchange, without the service by the
// phone itself. What was sent stands above until the pad is closed.

import { useSignal } from "@preact/signals";
import { t } from "../i18n";
import { sendDigits } from "../digits";
import { isTyping } from "../keys";

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

export function Keypad() {
  const sent = useSignal("");
  const press = (digit: string) => {
    sent.value += digit;
    sendDigits(digit);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || isTyping()) return;
    if (DIGITS.includes(event.key)) press(event.key);
  };
  return (
    <div class="keypad" onKeyDown={onKeyDown}>
      <output class="keypad-sent figures" aria-label={t("keypad.sent")}>
        {sent.value.slice(-16) || <span class="faint">{t("keypad.hint")}</span>}
      </output>
      {DIGITS.map((digit) => (
        <button key={digit} type="button" class="button figures" onClick={() => press(digit)}>
          {digit}
        </button>
      ))}
    </div>
  );
}
