// Who is parked, and a button to fetch him: in the bar at the bottom.

import { layer } from "../actions";
import { t } from "../i18n";
import { perform } from "../keys";
import { fetchAction, reach } from "../reach";
import { sections } from "../store";
import { ActionButton } from "./ActionButton";
import { Icon } from "./Icon";
import { Menu } from "./Menu";

export function Parked() {
  const directory = sections.directory.value;
  return (
    <div class="anchor parked">
      <button
        type="button"
        class="quiet-button"
        aria-haspopup="dialog"
        aria-expanded={layer.value === "parked"}
        data-action={reach.parked.id}
        onClick={() => perform(reach.parked)}
      >
        <Icon name="park" />
        {reach.parked.label()}
      </button>
      <Menu name="parked" label={reach.parked.label()} role="dialog" class="up right">
        <div class="parked-list" tabIndex={-1} role="group" aria-label={reach.parked.label()} autofocus>
          {directory?.parked.length === 0 && <p class="faint">{t("parked.nobody")}</p>}
          {directory?.parked.map((slot) => (
            <div key={slot} class="parked-row">
              <span>{t("parked.place", { slot })}</span>
              <ActionButton action={fetchAction(slot)} kind="small" />
            </div>
          ))}
        </div>
      </Menu>
    </div>
  );
}
