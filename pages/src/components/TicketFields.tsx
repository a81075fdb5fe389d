// What a ticket is: state, priority, category, group, owner, due, and the company's own fields. Each change goes at once;
// while it is on its way the field is marked, and it shows what the service confirmed.

import type { ComponentChildren } from "preact";
import { label, t } from "../i18n";
import type { Key } from "../i18n";
import { tame } from "../line";
import type { TicketChanges, TicketField, TicketSection } from "../protocol";
import { isLinked, pending, sections } from "../store";
import { changeTicket } from "../tickets";

export const STATUS_WORDS: Record<string, Key> = { open: "ticket.status_open", pending: "ticket.status_pending", closed: "ticket.status_closed" };
export const PRIORITY_WORDS: Record<string, Key> = {
  low: "ticket.priority_low",
  normal: "ticket.priority_normal",
  high: "ticket.priority_high",
  urgent: "ticket.priority_urgent",
};

export function word(words: Record<string, Key>, value: string): string {
  const key = words[value];
  return key ? t(key) : value;
}

export type Choice = [value: string, text: string];

export const choicesOf = (words: Record<string, Key>): Choice[] => Object.keys(words).map((value) => [value, word(words, value)]);

/** Everybody who can have a ticket; whoever has it is among them, even if he left. */
export function ownerChoices(ownerId: string, owner: string): Choice[] {
  const people = (sections.ticket_form.value?.people ?? []).map((each): Choice => [each.agent_id, tame(each.name)]);
  const isKnown = !ownerId || people.some(([id]) => id === ownerId);
  return [["", t("ticket.nobody")], ...people, ...(isKnown ? [] : [[ownerId, tame(owner)] as Choice])];
}

export function groupChoices(group: string): Choice[] {
  const groups = (sections.ticket_form.value?.groups ?? []).map((each): Choice => [each.name, label(each.label, each.name)]);
  const isKnown = !group || groups.some(([name]) => name === group);
  return [["", "–"], ...groups, ...(isKnown ? [] : [[group, group] as Choice])];
}

interface SelectProps {
  id: string;
  value: string;
  choices: Choice[];
  isPending: boolean;
  name?: string;
  onPick(value: string): void;
}

export function Select({ id, value, choices, isPending, name, onPick }: SelectProps) {
  return (
    <select
      id={id}
      class={isPending ? "pending" : ""}
      value={value}
      aria-label={name}
      aria-busy={isPending || undefined}
      disabled={!isLinked.value}
      onChange={(event) => {
        const picked = event.currentTarget.value;
        event.currentTarget.value = value; // until the service has confirmed it
        onPick(picked);
      }}
    >
      {choices.map(([each, text]) => (
        <option key={each} value={each}>
          {text}
        </option>
      ))}
    </select>
  );
}

function Labelled({ id, text, isMissing, children }: { id: string; text: string; isMissing?: boolean; children: ComponentChildren }) {
  return (
    <div class={isMissing ? "field missing" : "field"}>
      <label for={id}>{text}</label>
      {children}
    </div>
  );
}

export function TicketFields({ ticket, place }: { ticket: TicketSection; place: string }) {
  const id = (name: string) => `${place}-${name}`;
  const isPending = (name: string) => pending.value.has(`ticket.${ticket.ticket_id}.${name}`);
  const change = (name: keyof TicketChanges, value: string) => void changeTicket(ticket, name, { [name]: value });
  const choice = (name: "status" | "priority" | "category" | "group" | "owner", text: Key, value: string, choices: Choice[]) => (
    <Labelled id={id(name)} text={t(text)}>
      <Select id={id(name)} value={value} choices={choices} isPending={isPending(name)} onPick={(picked) => change(name, picked)} />
    </Labelled>
  );
  const categories = (sections.ticket_form.value?.categories ?? []).map((each): Choice => [each.name, label(each.label, each.name)]);
  const isKnown = categories.some(([name]) => name === ticket.category);
  const category: Choice[] = [["", "–"], ...categories, ...(isKnown || !ticket.category ? [] : [[ticket.category, tame(ticket.category)] as Choice])];
  const owners = ownerChoices(ticket.owner_id, ticket.owner);
  return (
    <div class="ticket-fields">
      {choice("status", "ticket.status", ticket.status, choicesOf(STATUS_WORDS))}
      {choice("priority", "ticket.priority", ticket.priority, choicesOf(PRIORITY_WORDS))}
      {choice("category", "ticket.category", ticket.category, category)}
      {choice("group", "ticket.group", ticket.group, groupChoices(ticket.group))}
      {choice("owner", "ticket.owner", ticket.owner_id, owners)}
      <Labelled id={id("due")} text={t("ticket.due")}>
        <input
          id={id("due")}
          key={`${ticket.ticket_id}.${ticket.due_at}`}
          type="date"
          class={isPending("due") ? "pending" : ""}
          defaultValue={localDay(ticket.due_at)}
          disabled={!isLinked.value}
          onBlur={(event) => {
            const day = event.currentTarget.value;
            if (day !== localDay(ticket.due_at)) change("due", day && endOfDay(day));
          }}
        />
      </Labelled>
      {ticket.fields.map((field) => (
        <OwnField key={`${ticket.ticket_id}.${field.name}`} ticket={ticket} field={field} id={id(`own-${field.name}`)} />
      ))}
    </div>
  );
}

function OwnField({ ticket, field, id }: { ticket: TicketSection; field: TicketField; id: string }) {
  const isPending = pending.value.has(`ticket.${ticket.ticket_id}.own-${field.name}`);
  const change = (value: string) => void changeTicket(ticket, `own-${field.name}`, {}, { [field.name]: value });
  const text = label(field.label, field.name) + (field.is_required ? " *" : "");
  const yesNo: Choice[] = [["yes", t("ticket.yes")], ["no", t("ticket.no")]];
  const choices = field.kind === "yes_no" ? yesNo : field.choices.map((each): Choice => [each.name, label(each.label, each.name)]);
  const isChosen = field.kind === "choice" || field.kind === "yes_no";
  const shared = {
    id,
    key: field.value,
    class: isPending ? "pending" : "",
    required: field.is_required,
    defaultValue: field.value,
    disabled: !isLinked.value,
    onBlur: (event: { currentTarget: HTMLInputElement }) => {
      const value = event.currentTarget.value.trim();
      if (value !== field.value) change(value);
    },
    onKeyDown: (event: KeyboardEvent & { currentTarget: HTMLInputElement }) => {
      if (event.key === "Enter" && !event.isComposing) event.currentTarget.blur();
    },
  };
  const isNumber = field.kind === "number";
  const written = field.kind === "date" ? <input {...shared} type="date" /> : <input {...shared} type="text" inputMode={isNumber ? "decimal" : "text"} maxLength={500} />;
  return (
    <Labelled id={id} text={text} isMissing={field.is_required && !field.value}>
      {isChosen ? (
        <Select id={id} value={field.value} choices={[["", "–"], ...choices]} isPending={isPending} onPick={change} />
      ) : (
        written
      )}
    </Labelled>
  );
}

/** The subject: a line that can be written over. */
export function Subject({ ticket, place }: { ticket: TicketSection; place: string }) {
  const isPending = pending.value.has(`ticket.${ticket.ticket_id}.subject`);
  return (
    <input
      key={`${place}.${ticket.ticket_id}.${ticket.subject}`}
      class={`subject ${isPending ? "pending" : ""}`}
      aria-label={t("ticket.subject")}
      title={tame(ticket.subject)}
      maxLength={200}
      defaultValue={tame(ticket.subject)}
      disabled={!isLinked.value}
      onBlur={(event) => {
        const value = event.currentTarget.value.trim();
        if (value && value !== tame(ticket.subject)) void changeTicket(ticket, "subject", { subject: value });
        else event.currentTarget.value = tame(ticket.subject);
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter" && !event.isComposing) event.currentTarget.blur();
      }}
    />
  );
}

function localDay(at: string | null): string {
  if (!at) return "";
  const day = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** Due on a day: by its end, where the agent sits. */
function endOfDay(day: string): string {
  return new Date(`${day}T23:59:59`).toISOString();
}
