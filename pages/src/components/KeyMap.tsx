// "?": the keys at a glance.

import { useRef } from "preact/hooks";
import { layer } from "../actions";
import { t } from "../i18n";
import type { Key } from "../i18n";
import { KEYS } from "../keys";
import { useModal } from "./useModal";

/** Keys of single places, said in sentences. */
const PLACES: Key[] = ["keys.enter", "keys.tab", "keys.reach", "keys.lists", "keys.notes", "keys.digits"];

export function KeyMap() {
  return layer.value === "keys" ? <Open /> : null;
}

function Open() {
  const box = useRef<HTMLDivElement>(null);
  useModal(box);
  return (
    <div class="veil" onPointerDown={(event) => event.target === event.currentTarget && (layer.value = "")}>
      <div class="palette key-map" role="dialog" aria-modal="true" aria-label={t("keys.title")} tabIndex={-1} ref={box}>
        <h2>{t("keys.title")}</h2>
        <dl>
          {KEYS.map(({ key, says }) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{t(says)}</dd>
            </div>
          ))}
        </dl>
        {PLACES.map((place) => (
          <p key={place} class="faint">
            {t(place)}
          </p>
        ))}
      </div>
    </div>
  );
}
