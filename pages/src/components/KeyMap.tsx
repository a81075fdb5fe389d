// "?": the keys at a glance.

import { useRef } from "preact/hooks";
import { layer } from "../actions";
import { t } from "../i18n";
import type { Key } from "../i18n";
import { useFocusBack } from "./useFocusBack";

const KEYS: [string, Key][] = [
  ["F2", "keys.answer"],
  ["Shift F2", "keys.decline_second"],
  ["F3", "keys.dial"],
  ["F4", "call.hang_up"],
  ["F6", "keys.hold"],
  ["F7", "keys.mute"],
  ["F8", "keys.ready"],
  ["F9", "keys.transfer"],
  ["Shift F9", "keys.menus"],
  ["F10", "keys.conference"],
  ["Ctrl K", "palette.open"],
  ["/", "keys.slash"],
  ["?", "keys.title"],
  ["Esc", "keys.escape"],
];

export function KeyMap() {
  return layer.value === "keys" ? <Open /> : null;
}

function Open() {
  const box = useRef<HTMLDivElement>(null);
  useFocusBack(box);
  return (
    <div class="veil" onPointerDown={() => (layer.value = "")}>
      <div class="palette key-map" role="dialog" aria-label={t("keys.title")} tabIndex={-1} ref={box}>
        <h2>{t("keys.title")}</h2>
        <dl>
          {KEYS.map(([key, text]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{t(text)}</dd>
            </div>
          ))}
        </dl>
        <p class="faint">{t("keys.enter")}</p>
        <p class="faint">{t("keys.reach")}</p>
      </div>
    </div>
  );
}
