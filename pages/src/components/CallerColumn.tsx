// The caller: the file when the number is known, a choice when it may be several people, a search and a form when it is new;
// a colleague's card when it is a colleague.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { chooseCustomer, renameCustomer } from "../actions";
import { createCustomer, describeCustomer, warnOfCustomer } from "../customers";
import { label, t } from "../i18n";
import { outcomeWord, queueLabel } from "../journey";
import { tame } from "../line";
import type { CallSection, Customer, CustomerSection, HistoryRow } from "../protocol";
import { isLinked, pending, sections } from "../store";
import { absolute } from "../time";
import { ColleagueCard } from "./ColleagueCard";
import { Candidate, CustomerSearch } from "./CustomerSearch";
import { Icon } from "./Icon";
import { When } from "./When";

const LAST_CONTACTS = 3;
const LONGEST_NOTE = 2_000;

export function CallerColumn() {
  const customer = sections.customer.value;
  const call = sections.call.value;
  const card = sections.colleague.value;
  const isInternal = call?.direction === "internal";
  return (
    <section class="column caller" aria-label={t("caller.title")}>
      <h2>
        {isInternal ? t("colleague.title") : t("caller.title")}
        {customer && !isInternal && <span class={`match ${customer.match}`}>{matchWord(customer.match)}</span>}
      </h2>
      {isInternal && card && <ColleagueCard card={card} />}
      {isInternal && !card && <p class="teach">{t("colleague.none")}</p>}
      {!isInternal && customer && <Body key={call?.call_id} section={customer} call={call} />}
      {!isInternal && !customer && <p class="teach">{t("caller.teach")}</p>}
    </section>
  );
}

function matchWord(match: CustomerSection["match"]): string {
  return { known: t("caller.known"), maybe: t("caller.maybe"), none: t("caller.none") }[match];
}

function Body({ section, call }: { section: CustomerSection; call: CallSection | null }) {
  if (section.match === "maybe" && section.candidates.length > 0) return <Choice section={section} />;
  const { customer } = section;
  if (!customer || section.match === "none") return <NewCaller key={customer?.id ?? 0} section={section} />;
  return <File key={customer.id} customer={customer} section={section} fields={call?.fields ?? []} />;
}

function Choice({ section }: { section: CustomerSection }) {
  return (
    <>
      <p>{t("caller.choose")}</p>
      <ul class="choices">
        {section.candidates.map((candidate) => {
          const isPending = pending.value.has(`customer.${candidate.id}`);
          const isChosen = section.customer?.id === candidate.id;
          return (
            <li key={candidate.id}>
              <button
                type="button"
                class={`choice ${isPending ? "pending" : ""} ${isChosen ? "on" : ""}`}
                aria-pressed={isChosen}
                aria-disabled={isLinked.value ? undefined : true}
                onClick={() => isLinked.value && chooseCustomer(candidate.id)}
              >
                <Candidate name={candidate.name} company={candidate.company} last={candidate.last} />
              </button>
            </li>
          );
        })}
      </ul>
      <Other section={section} word={t("caller.somebody_else")} />
    </>
  );
}

/** Nobody is known by the number: he is searched for, or a file is made. */
function NewCaller({ section }: { section: CustomerSection }) {
  const { customer } = section;
  return (
    <div class="file">
      <p>{t(section.has_number ? (customer ? "caller.new_text" : "caller.none_teach") : "caller.withheld_teach")}</p>
      <CustomerSearch hasNumber={section.has_number} />
      <h3>{t("caller.new_file")}</h3>
      <NameForm
        name={customer?.name ?? ""}
        company={customer?.company ?? ""}
        isPending={pending.value.has("customer.rename") || pending.value.has("customer.create")}
        save={(name, company) => (customer ? renameCustomer(customer.id, name, company) : createCustomer(name, company))}
      />
    </div>
  );
}

/** Folded away: the one who stands here isn't the one who calls. */
function Other({ section, word }: { section: CustomerSection; word: string }) {
  const isOpen = useSignal(false);
  return (
    <div class="another">
      <button type="button" class="text-button" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
        {word}
      </button>
      {isOpen.value && <CustomerSearch hasNumber={section.has_number} done={() => (isOpen.value = false)} />}
    </div>
  );
}

function File({ customer, section, fields }: { customer: Customer; section: CustomerSection; fields: string[] }) {
  const isEditing = useSignal(customer.is_provisional);
  const wasOpened = useRef(false); // by a press, which then gets the focus back
  const edit = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    if (!isEditing.value && wasOpened.current) edit.current?.focus();
    wasOpened.current = isEditing.value;
  }, [isEditing.value]);
  if (isEditing.value) return <Form customer={customer} done={() => (isEditing.value = false)} />;
  const parts: Record<string, ComponentChildren> = {
    warning: customer.warning && <Warning key="warning" warning={customer.warning} />,
    company: customer.company && <Field key="company" name={t("caller.company")} value={customer.company} />,
    group: customer.group && <Field key="group" name={t("caller.group")} value={customer.group} />,
    note: customer.note && <Note key="note" text={customer.note} />,
    contacts: <Contacts key="contacts" rows={section.history.slice(0, LAST_CONTACTS)} />,
    tickets: <OpenTickets key="tickets" section={section} />,
  };
  return (
    <div class="file">
      <div class="file-name">
        <bdi>{tame(customer.name) || t("caller.unknown")}</bdi>
        <button type="button" ref={edit} class="icon-button" title={t("caller.edit")} aria-label={t("caller.edit")} onClick={() => (isEditing.value = true)}>
          <Icon name="edit" />
        </button>
      </div>
      {fields.map((name) => parts[name])}
      <Other section={section} word={t("caller.not_him")} />
    </div>
  );
}

function Warning({ warning }: { warning: NonNullable<Customer["warning"]> }) {
  const by = tame(warning.by);
  return (
    <div class="file-warning" role="note" aria-label={t("caller.warning")}>
      <b>
        <Icon name="alert" /> {t("caller.warning")}
      </b>
      <bdi class="warning-text">{tame(warning.text, 200)}</bdi>
      <span class="faint" title={warning.at ? absolute(warning.at) : undefined}>
        <bdi>{by}</bdi> {warning.at && <When at={warning.at} isShort />}
      </span>
    </div>
  );
}

function Note({ text }: { text: string }) {
  return (
    <div class="file-note">
      <b class="faint">{t("caller.note")}</b>
      <bdi class="note-text">{tame(text, LONGEST_NOTE)}</bdi>
    </div>
  );
}

function Contacts({ rows }: { rows: HistoryRow[] }) {
  return (
    <div class="contacts">
      <h3>{t("caller.contacts")}</h3>
      {rows.length === 0 && <p class="faint">{t("caller.never_called")}</p>}
      <ul>
        {rows.map((row) => (
          <li key={row.call_id}>
            <When at={row.at} isShort />
            <span class="contact-what">
              {row.disposition ? label(row.disposition_label, tame(row.disposition)) : outcomeWord(row.outcome)}
              {row.queue && ` · ${queueLabel(row.queue)}`}
              {row.agent && <bdi class="faint"> {tame(row.agent)}</bdi>}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function OpenTickets({ section }: { section: CustomerSection }) {
  return (
    <div class="contacts">
      <h3>{t("caller.open_tickets")}</h3>
      {section.open_tickets.length === 0 && <p class="faint">{t("caller.no_open_tickets")}</p>}
      <ul>
        {section.open_tickets.map((ticket) => (
          <li key={ticket.ticket_id}>
            <span class="figures">#{ticket.ticket_id}</span>
            <bdi class="contact-what" title={tame(ticket.subject)}>
              {tame(ticket.subject)}
            </bdi>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Field({ name, value }: { name: string; value: string }) {
  return (
    <div class="file-row">
      <span class="faint">{name}</span>
      <bdi>{tame(value)}</bdi>
    </div>
  );
}

function Text({ name, value, length, set }: { name: string; value: string; length: number; set: (text: string) => void }) {
  return (
    <label class="field">
      <span>{name}</span>
      <input maxLength={length} value={value} onInput={(event) => set(event.currentTarget.value)} autocomplete="off" />
    </label>
  );
}

interface NameFormProps {
  name: string;
  company: string;
  isPending: boolean;
  save: (name: string, company: string) => Promise<boolean>;
}

function NameForm({ name: firstName, company: firstCompany, isPending, save }: NameFormProps) {
  const name = useSignal(firstName);
  const company = useSignal(firstCompany);
  const isComplete = name.value.trim() !== "";
  const submit = (event: Event) => {
    event.preventDefault();
    if (isComplete && !isPending && isLinked.value) void save(name.value.trim(), company.value.trim());
  };
  return (
    <form class="form" onSubmit={submit}>
      <Text name={t("caller.name")} value={name.value} length={80} set={(text) => (name.value = text)} />
      <Text name={t("caller.company")} value={company.value} length={80} set={(text) => (company.value = text)} />
      <div class="row end">
        <Save isPending={isPending} isComplete={isComplete} />
      </div>
    </form>
  );
}

function Save({ isPending, isComplete }: { isPending: boolean; isComplete: boolean }) {
  const why = isComplete ? (isLinked.value ? "" : t("why.no_link")) : t("why.name_missing");
  return (
    <button class={`button primary ${isPending ? "pending" : ""}`} aria-disabled={why ? true : undefined} title={why || undefined}>
      {t("caller.save")}
    </button>
  );
}

function Form({ customer, done }: { customer: Customer; done: () => void }) {
  const name = useSignal(customer.name);
  const company = useSignal(customer.company);
  const warning = useSignal(customer.warning?.text ?? "");
  const remark = useSignal(customer.note);
  const isPending = ["customer.rename", "customer.note", "customer.warn"].some((each) => pending.value.has(each));
  const isComplete = name.value.trim() !== "";
  const save = async (): Promise<boolean> => {
    const named = [name.value.trim(), company.value.trim()] as const;
    const isNamed = named[0] === customer.name && named[1] === customer.company && !customer.is_provisional;
    if (!isNamed && !(await renameCustomer(customer.id, ...named))) return false;
    const warns = warning.value.trim();
    if (warns !== (customer.warning?.text ?? "") && !(await warnOfCustomer(customer.id, warns))) return false;
    const text = remark.value.trim();
    return text === customer.note || describeCustomer(customer.id, text);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isComplete && !isPending && isLinked.value && (await save())) done();
  };
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => {
    if (!customer.is_provisional) form.current?.querySelector("input")?.focus();
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.stopPropagation();
    done();
  };
  return (
    <form ref={form} class="form" onSubmit={(event) => void submit(event)} onKeyDown={onKeyDown}>
      <Text name={t("caller.name")} value={name.value} length={80} set={(text) => (name.value = text)} />
      <Text name={t("caller.company")} value={company.value} length={80} set={(text) => (company.value = text)} />
      <Text name={t("caller.warning_field")} value={warning.value} length={200} set={(text) => (warning.value = text)} />
      <label class="field">
        <span>{t("caller.note")}</span>
        <textarea rows={4} maxLength={LONGEST_NOTE} value={remark.value} onInput={(event) => (remark.value = event.currentTarget.value)} />
      </label>
      <div class="row end">
        <button type="button" class="button" onClick={done}>
          {t("caller.cancel")}
        </button>
        <Save isPending={isPending} isComplete={isComplete} />
      </div>
    </form>
  );
}
