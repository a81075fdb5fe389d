// The caller: the file when the number is known, a choice when it may be several people, a form when it is new.

import { useSignal } from "@preact/signals";
import { chooseCustomer, renameCustomer } from "../actions";
import { t } from "../i18n";
import { tame } from "../line";
import type { Customer, CustomerSection } from "../protocol";
import { isLinked, pending, sections } from "../store";
import { Icon } from "./Icon";

export function CallerColumn() {
  const customer = sections.customer.value;
  return (
    <section class="column caller" aria-label={t("caller.title")}>
      <h2>
        {t("caller.title")}
        {customer && <span class={`match ${customer.match}`}>{matchWord(customer.match)}</span>}
      </h2>
      {customer ? <Body section={customer} /> : <p class="teach">{t("caller.teach")}</p>}
    </section>
  );
}

function matchWord(match: CustomerSection["match"]): string {
  return { known: t("caller.known"), maybe: t("caller.maybe"), none: t("caller.none") }[match];
}

function Body({ section }: { section: CustomerSection }) {
  if (section.match === "maybe" && section.candidates.length > 0) return <Choice section={section} />;
  if (!section.customer) return <p class="teach">{t("caller.none_teach")}</p>;
  return <File key={section.customer.id} customer={section.customer} />;
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
                <bdi class="choice-name">{tame(candidate.name)}</bdi>
                <bdi class="faint">{tame(candidate.company)}</bdi>
              </button>
            </li>
          );
        })}
      </ul>
    </>
  );
}

function File({ customer }: { customer: Customer }) {
  const isEditing = useSignal(customer.is_provisional);
  if (isEditing.value) return <Form customer={customer} done={() => (isEditing.value = false)} />;
  return (
    <dl class="file">
      <div class="file-name">
        <bdi>{tame(customer.name) || t("caller.unknown")}</bdi>
        <button type="button" class="icon-button" title={t("caller.edit")} aria-label={t("caller.edit")} onClick={() => (isEditing.value = true)}>
          <Icon name="edit" />
        </button>
      </div>
      {customer.company && <Field name={t("caller.company")} value={customer.company} />}
      {customer.group && <Field name={t("caller.group")} value={customer.group} />}
      {customer.note && (
        <div class="file-note">
          <dt>
            <Icon name="alert" /> {t("caller.note")}
          </dt>
          <dd>
            <bdi>{tame(customer.note)}</bdi>
          </dd>
        </div>
      )}
    </dl>
  );
}

function Field({ name, value }: { name: string; value: string }) {
  return (
    <div class="file-row">
      <dt>{name}</dt>
      <dd>
        <bdi>{tame(value)}</bdi>
      </dd>
    </div>
  );
}

function Form({ customer, done }: { customer: Customer; done: () => void }) {
  const name = useSignal(customer.name);
  const company = useSignal(customer.company);
  const isPending = pending.value.has("customer.rename");
  const isComplete = name.value.trim() !== "";
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!isComplete || isPending) return;
    if (await renameCustomer(customer.id, name.value.trim(), company.value.trim())) done();
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)}>
      {customer.is_provisional && <p>{t("caller.new_text")}</p>}
      <label class="field">
        <span>{t("caller.name")}</span>
        <input maxLength={80} value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} autocomplete="off" />
      </label>
      <label class="field">
        <span>{t("caller.company")}</span>
        <input maxLength={80} value={company.value} onInput={(event) => (company.value = event.currentTarget.value)} autocomplete="off" />
      </label>
      <div class="row end">
        {!customer.is_provisional && (
          <button type="button" class="button" onClick={done}>
            {t("caller.cancel")}
          </button>
        )}
        <button
          class={`button primary ${isPending ? "pending" : ""}`}
          aria-disabled={!isComplete || !isLinked.value || undefined}
          title={isComplete ? undefined : t("why.name_missing")}
        >
          {t("caller.save")}
        </button>
      </div>
    </form>
  );
}
