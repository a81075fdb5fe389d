// A ticket is given to a group or a colleague: who, and, where the group wants to know, why. The call goes on.

import { useSignal } from "@preact/signals";
import { layer } from "../actions";
import { t } from "../i18n";
import type { TicketSection } from "../protocol";
import { isLinked, pending, sections } from "../store";
import { handOver } from "../tickets";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import { groupChoices, ownerChoices } from "./TicketFields";

export function HandOver({ ticket }: { ticket: TicketSection }) {
  const isOpen = layer.value === "hand_over";
  const isPending = pending.value.has(`ticket.${ticket.ticket_id}.hand_over`);
  return (
    <div class="anchor hand-over">
      <button
        type="button"
        class={`button small ${isPending ? "pending" : ""}`}
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        aria-disabled={isLinked.value ? undefined : true}
        title={isLinked.value ? t("hand_over.hint") : t("why.no_link")}
        data-action="hand_over"
        onClick={() => isLinked.value && (layer.value = isOpen ? "" : "hand_over")}
      >
        <Icon name="forward" /> {t("hand_over.open")}
      </button>
      <Menu name="hand_over" label={t("hand_over.open")} role="dialog" class="right hand-over-menu">
        <Form ticket={ticket} />
      </Menu>
    </div>
  );
}

function Form({ ticket }: { ticket: TicketSection }) {
  const group = useSignal("");
  const owner = useSignal("");
  const text = useSignal("");
  const needsNote = sections.ticket_form.value?.groups.find((each) => each.name === group.value)?.needs_note ?? false;
  const isMissing = needsNote && !text.value.trim();
  const why = !group.value && !owner.value ? t("why.nobody_chosen") : isMissing ? t("refusal.note_missing") : "";
  const give = () => {
    if (why) return;
    layer.value = "";
    void handOver(ticket, group.value, owner.value, text.value);
  };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        give();
      }}
    >
      <label>
        {t("ticket.group")}
        <select autofocus value={group.value} onChange={(event) => (group.value = event.currentTarget.value)}>
          {groupChoices("").map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("ticket.owner")}
        <select value={owner.value} onChange={(event) => (owner.value = event.currentTarget.value)}>
          {ownerChoices("", "").map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t(needsNote ? "hand_over.note_needed" : "hand_over.note")}
        <textarea rows={3} maxLength={5_000} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      </label>
      <p class="faint" role="status">
        {why}
      </p>
      <button type="submit" class="button" aria-disabled={why ? true : undefined}>
        {t("hand_over.give")}
      </button>
    </form>
  );
}
