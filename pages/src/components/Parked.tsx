// Who is parked, since when and by whom, and a button to fetch him: in the bar at the bottom. A digit fetches, too.

import { layer } from "../actions";
import { t } from "../i18n";
import { perform } from "../keys";
import { tame } from "../line";
import type { ParkedRow } from "../protocol";
import { fetchAction, PLACES, reach } from "../reach";
import { sections } from "../store";
import { duration, secondsSince, secondsUntil } from "../time";
import { ActionButton } from "./ActionButton";
import { Icon } from "./Icon";
import { Menu } from "./Menu";

export function Parked() {
  const rows = sections.parked.value ?? [];
  const name = reach.parked.label();
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || !PLACES.includes(event.key)) return;
    event.preventDefault();
    perform(fetchAction(event.key));
  };
  return (
    <div class="anchor parked">
      <button
        type="button"
        class={rows.length > 0 ? "quiet-button some" : "quiet-button"}
        aria-haspopup="dialog"
        aria-expanded={layer.value === "parked"}
        data-action={reach.parked.id}
        onClick={() => perform(reach.parked)}
      >
        <Icon name="park" />
        {name}
        {rows.length > 0 && <span class="count figures">{rows.length}</span>}
      </button>
      <Menu name="parked" label={name} role="dialog" class="up right parked-menu">
        <div class="parked-list" tabIndex={-1} role="group" aria-label={name} autofocus onKeyDown={onKeyDown}>
          {rows.length === 0 && <p class="faint">{t("parked.nobody")}</p>}
          {rows.map((row) => (
            <Row key={`${row.slot}.${row.since}`} row={row} />
          ))}
          {rows.length > 0 && <p class="parked-hint faint">{t("parked.hint")}</p>}
        </div>
      </Menu>
    </div>
  );
}

function Row({ row }: { row: ParkedRow }) {
  return (
    <div class={row.is_over ? "parked-row over" : "parked-row"} data-slot={row.slot}>
      <span class="parked-slot figures" title={t("parked.place", { slot: row.slot })}>
        {row.slot}
      </span>
      <span class="parked-who">
        <bdi class="parked-name">{tame(row.name) || t("caller.unknown")}</bdi>
        <bdi class="figures faint">{tame(row.number) || t("call.withheld")}</bdi>
      </span>
      <span class="parked-what">
        <span>{row.parked_by && t("parked.by", { name: tame(row.parked_by) })}</span>
        <span class="faint">{whatNext(row)}</span>
      </span>
      <span class="parked-since figures" title={t("parked.since")}>
        {duration(secondsSince(row.since))}
      </span>
      <ActionButton action={fetchAction(row.slot)} kind="small" />
    </div>
  );
}

/** What becomes of him if nobody fetches him. */
function whatNext(row: ParkedRow): string {
  const name = tame(row.rings_at);
  if (row.is_over) return name ? t("parked.is_over", { name }) : t("parked.is_over_queue");
  if (name) return t("parked.rings_at", { name });
  const time = duration(secondsUntil(row.returns_at));
  return row.parked_by ? t("parked.returns", { time }) : t("parked.returns_queue", { time });
}
