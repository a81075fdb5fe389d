// What this customer called about before.

import { t } from "../i18n";
import { sections } from "../store";
import { outcomeWord, queueLabel } from "../journey";
import { tame } from "../line";
import type { HistoryRow } from "../protocol";
import { duration } from "../time";
import { PlayButton } from "./TicketColumn";
import { When } from "./When";

function Row({ row }: { row: HistoryRow }) {
  const queue = queueLabel(row.queue);
  const isOver = row.outcome !== "";
  return (
    <li>
      <When at={row.at} />
      <span class="figures history-length">{isOver ? duration(row.duration_s) : ""}</span>
      <span class="history-what">
        <span class={`outcome ${row.outcome}`}>{outcomeWord(row.outcome)}</span>
        {queue && <span>{queue}</span>}
        {row.agent && <bdi class="faint">{tame(row.agent)}</bdi>}
      </span>
      {row.recording_id ? <PlayButton id={row.recording_id} title={queue} at={row.at} agent={row.agent} seconds={row.duration_s} /> : <span />}
    </li>
  );
}

export function HistoryTab() {
  const customer = sections.customer.value;
  return (
    <>
      {!customer && <p class="teach">{t("history.teach")}</p>}
      {customer && customer.history.length === 0 && <p class="teach">{t("history.none")}</p>}
      {customer && customer.history.length > 0 && (
        <ul class="history">
          {customer.history.map((row) => (
            <Row key={row.call_id} row={row} />
          ))}
        </ul>
      )}
    </>
  );
}
