// The colleague at the other end of an internal call.

import { t } from "../i18n";
import { stateLabel } from "../labels";
import { tame } from "../line";
import type { ColleagueCard as Card } from "../protocol";
import { duration, secondsSince } from "../time";

export function ColleagueCard({ card }: { card: Card }) {
  const rows = [
    [t("colleague.staff_number"), card.staff_number],
    [t("colleague.extension"), card.extension],
    [t("colleague.team"), card.team],
  ] as const;
  return (
    <div class="file colleague">
      <div class="file-name">
        <bdi>{tame(card.name)}</bdi>
      </div>
      <dl class="file">
      {rows.map(
        ([name, value]) =>
          value && (
            <div key={name} class="file-row">
              <dt>{name}</dt>
              <dd class="figures">
                <bdi>{tame(value)}</bdi>
              </dd>
            </div>
          ),
      )}
      <div class="file-row">
        <dt>{t("colleague.state")}</dt>
        <dd class="colleague-state" data-state={card.state}>
          <span class="dot" /> {card.state ? stateLabel(card.state, "") : t("colleague.no_calls")}{" "}
          {card.since && <span class="figures faint">{duration(secondsSince(card.since))}</span>}
        </dd>
      </div>
      </dl>
    </div>
  );
}
