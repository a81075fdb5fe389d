// The ticket that was opened from a list while a call has the ticket column: in the lists' place until it is put away.

import { t } from "../i18n";
import { tame } from "../line";
import { besideNotes } from "../notes";
import type { TicketSection } from "../protocol";
import { closeTicket } from "../tickets";
import { Comments } from "./Comments";
import { Icon } from "./Icon";
import { NotesField } from "./NotesField";
import { Subject, TicketFields } from "./TicketFields";

export function OpenedTicket({ ticket }: { ticket: TicketSection }) {
  const close = () => {
    closeTicket();
    document.getElementById("beside-tab-tickets")?.focus({ preventScroll: true }); // the button goes
  };
  return (
    <div class="opened" data-ticket={ticket.ticket_id}>
      <div class="opened-head">
        <span class="figures">#{ticket.ticket_id}</span>
        <bdi class="faint">{tame(ticket.customer_name)}</bdi>
        <button type="button" class="icon-button" aria-label={t("ticket.close")} title={t("ticket.close")} onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <Subject ticket={ticket} place="beside" />
      <TicketFields ticket={ticket} place="beside" />
      <NotesField notes={besideNotes} ticketId={ticket.ticket_id} place="beside" />
      <h3>{t("comments.title")}</h3>
      <Comments ticket={ticket} place="beside" />
    </div>
  );
}
