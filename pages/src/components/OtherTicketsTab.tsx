// This customer's other open tickets, each a press away from the call.

import { attachTo } from "../actions";
import { t } from "../i18n";
import { tame } from "../line";
import { isLinked, pending, sections } from "../store";
import { When } from "./When";

export function OtherTicketsTab() {
  const ticket = sections.ticket.value;
  const rows = (ticket?.open_tickets ?? []).filter((other) => other.ticket_id !== ticket?.ticket_id);
  const why = isLinked.value ? (sections.call.value ? "" : t("why.no_call")) : t("why.no_link");
  if (rows.length === 0) return <p class="teach">{ticket ? t("ticket.no_others") : t("beside.tickets_teach")}</p>;
  return (
    <ul class="ticket-rows">
      {rows.map((row) => (
        <li key={row.ticket_id}>
          <span class="figures">#{row.ticket_id}</span>
          <bdi class="ticket-row-subject" title={tame(row.subject)}>
            {tame(row.subject)}
          </bdi>
          <When at={row.created_at} isShort />
          <button
            type="button"
            class={`button small ${pending.value.has(`attach.${row.ticket_id}`) ? "pending" : ""}`}
            aria-disabled={why ? true : undefined}
            title={why || t("ticket.attach_hint", { subject: tame(row.subject) })}
            onClick={() => !why && void attachTo(row.ticket_id)}
          >
            {t("beside.attach")}
          </button>
        </li>
      ))}
    </ul>
  );
}
