// Finds the customer whom the number didn't tell: by name, company, number; who is chosen gets the call.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { assignCustomer, forgetSearch, found, isSearching, search, searchProblem } from "../customers";
import { t } from "../i18n";
import { outcomeWord } from "../journey";
import { tame } from "../line";
import type { FoundCustomer } from "../protocol";
import { isLinked, pending } from "../store";
import { When } from "./When";

export function CustomerSearch({ hasNumber, done }: { hasNumber: boolean; done?: () => void }) {
  const text = useSignal("");
  const keeps = useSignal(true);
  useEffect(() => forgetSearch, []);
  const give = async (customer: FoundCustomer) => {
    if (isLinked.value && (await assignCustomer(customer.id, hasNumber && keeps.value))) done?.();
  };
  return (
    <div class="customer-search" role="search">
      <label class="field">
        <span>{t("search.label")}</span>
        <input
          type="search"
          data-customer-search
          maxLength={100}
          autocomplete="off"
          placeholder={t("search.placeholder")}
          value={text.value}
          onInput={(event) => search((text.value = event.currentTarget.value))}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.isComposing) search(text.value, true);
          }}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={hasNumber && keeps.value}
          disabled={!hasNumber}
          title={hasNumber ? undefined : t("search.no_number")}
          onChange={(event) => (keeps.value = event.currentTarget.checked)}
        />
        <span>{t(hasNumber ? "search.keep" : "search.no_number")}</span>
      </label>
      <p class="search-state" role="status">
        {searchProblem.value || (found.value?.length === 0 && !isSearching.value ? t("search.nobody") : "")}
      </p>
      <ul class="choices" aria-label={t("search.found")}>
        {(found.value ?? []).map((customer) => (
          <li key={customer.id}>
            <button
              type="button"
              class={`choice ${pending.value.has(`customer.${customer.id}`) ? "pending" : ""}`}
              aria-disabled={isLinked.value ? undefined : true}
              title={isLinked.value ? t("search.give") : t("why.no_link")}
              onClick={() => void give(customer)}
            >
              <Candidate name={customer.name} company={customer.company} numbers={customer.numbers} last={customer.last} />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Somebody who may be meant, with what tells him from others. */
export function Candidate({
  name,
  company,
  numbers = [],
  last,
}: {
  name: string;
  company: string;
  numbers?: string[];
  last: FoundCustomer["last"];
}) {
  return (
    <>
      <bdi class="choice-name">{tame(name) || t("caller.unknown")}</bdi>
      <span class="faint">
        <bdi>{[tame(company), ...numbers.map((number) => tame(number))].filter(Boolean).join(" · ")}</bdi>
      </span>
      <span class="faint">
        {last ? (
          <>
            <When at={last.at} isShort /> · {outcomeWord(last.outcome)} {last.agent && <bdi>{tame(last.agent)}</bdi>}
          </>
        ) : (
          t("caller.never_called")
        )}
      </span>
    </>
  );
}
