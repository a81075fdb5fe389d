// Lists of tickets. Rows are all of one height and only those that are seen are drawn; arrows move, Enter opens, and what can
// be done to a row is on it, by key and by menu: m makes it mine, c closes it or opens it again.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { attachTo } from "../actions";
import { label, t } from "../i18n";
import type { Key } from "../i18n";
import { tame } from "../line";
import type { ListedTicket, OpenTicket, TicketChanges, TicketView } from "../protocol";
import { isLinked, pending, sections } from "../store";
import { besideTicket, changeTicket, chooseList, listView, mainTicket, openTicket, question, search, wantMore } from "../tickets";
import { OpenedTicket } from "./OpenedTicket";
import { Select, STATUS_WORDS, choicesOf, ownerChoices } from "./TicketFields";
import { When } from "./When";

const ROW_HEIGHT = 64;
const SPARE_ROWS = 4;
const LISTS: [TicketView | "customer", Key][] = [
  ["mine", "tickets.mine"],
  ["group", "tickets.group"],
  ["due", "tickets.due"],
  ["search", "tickets.search"],
  ["customer", "tickets.customer"],
];

export function TicketsTab() {
  const opened = besideTicket.value;
  return (
    <>
      {opened && <OpenedTicket ticket={opened} />}
      <Lists isHidden={opened !== null} />
    </>
  );
}

/** Hidden, they keep where they were scrolled to. */
function Lists({ isHidden }: { isHidden: boolean }) {
  const counts = sections.tickets.value?.counts;
  return (
    <div class="tickets" hidden={isHidden}>
      <div class="tickets-views" role="group" aria-label={t("tickets.lists")}>
        {LISTS.map(([view, text]) => {
          const count = view === "customer" ? others().length : view === "search" ? undefined : counts?.[view];
          return (
            <button key={view} type="button" class={listView.value === view ? "chip on" : "chip"} aria-pressed={listView.value === view} data-list={view} onClick={() => chooseList(view)}>
              {t(text)} {count !== undefined && <span class="figures">{count}</span>}
            </button>
          );
        })}
      </div>
      {listView.value === "search" && (
        <input
          class="tickets-search"
          type="search"
          maxLength={200}
          aria-label={t("tickets.search")}
          placeholder={t("tickets.search_hint")}
          value={question.value}
          onInput={(event) => search(event.currentTarget.value)}
        />
      )}
      {listView.value === "customer" ? <Others /> : <List view={listView.value} />}
    </div>
  );
}

const TEACH: Record<TicketView, Key> = {
  mine: "tickets.mine_teach",
  group: "tickets.group_teach",
  due: "tickets.due_teach",
  search: "tickets.search_teach",
};

function List({ view }: { view: TicketView }) {
  const list = sections.tickets.value;
  const rows = list?.view === view ? list.rows : [];
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  const at = useSignal(0); // the row that the keyboard is on
  const chosen = Math.min(at.value, Math.max(0, rows.length - 1));
  useLayoutEffect(() => {
    const measure = () => (height.value = box.current?.clientHeight || 600);
    const watching = new ResizeObserver(measure); // tells at once, too
    if (box.current) watching.observe(box.current);
    return () => watching.disconnect();
  }, []);
  useEffect(() => {
    if (box.current) box.current.scrollTop = 0;
    at.value = 0;
  }, [view]);
  const first = Math.max(0, Math.floor(top.value / ROW_HEIGHT) - SPARE_ROWS);
  const last = Math.min(rows.length, Math.ceil((top.value + height.value) / ROW_HEIGHT) + SPARE_ROWS);
  const isFocused = useRef(false);
  const go = (to: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    at.value = next;
    const list_ = box.current;
    if (!list_) return;
    if (next * ROW_HEIGHT < list_.scrollTop) list_.scrollTop = next * ROW_HEIGHT;
    const bottom = (next + 1) * ROW_HEIGHT - list_.clientHeight;
    if (bottom > list_.scrollTop) list_.scrollTop = bottom;
    isFocused.current = true;
  };
  useLayoutEffect(() => {
    if (!isFocused.current) return;
    const row = box.current?.querySelector<HTMLElement>(`[data-index="${chosen}"]`);
    if (row) {
      row.focus({ preventScroll: true });
      isFocused.current = false;
    }
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!(event.target as Element).matches("[data-index]")) return; // a menu of the row has keys of its own
    const step = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, Home: 0, End: rows.length - 1, PageDown: chosen + 8, PageUp: chosen - 8 }[event.key];
    const row = rows[chosen];
    if (step !== undefined) go(step);
    else if (row && event.key === "Enter") void openTicket(row.ticket_id);
    else if (row && event.key === "m") change(row, "owner", sections.me.value?.user_id ?? "");
    else if (row && event.key === "c") change(row, "status", row.status === "closed" ? "open" : "closed");
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onScroll = () => {
    const list_ = box.current;
    if (!list_) return;
    top.value = list_.scrollTop;
    if (list_.scrollTop + list_.clientHeight > (rows.length - SPARE_ROWS) * ROW_HEIGHT) wantMore();
  };
  return (
    <>
      <p class="faint tickets-keys">{t("tickets.keys")}</p>
      <div class="tickets-list" ref={box} {...(rows.length ? { role: "list", "aria-label": t(LISTS.find(([name]) => name === view)![1]) } : {})} onKeyDown={onKeyDown} onScroll={onScroll}>
        {rows.length === 0 && list?.view === view && <p class="teach">{t(TEACH[view])}</p>}
        <div class="tickets-space" ref={(space) => space?.style.setProperty("height", `${rows.length * ROW_HEIGHT}px`)}>
          {rows.slice(first, last).map((row, index) => (
            <Row key={row.ticket_id} row={row} index={first + index} count={rows.length} isChosen={first + index === chosen} onFocus={() => (at.value = first + index)} />
          ))}
        </div>
      </div>
    </>
  );
}

function change(row: ListedTicket, name: keyof TicketChanges, value: string): void {
  if (isLinked.value) void changeTicket(row, name, { [name]: value });
}

interface RowProps {
  row: ListedTicket;
  index: number;
  count: number;
  isChosen: boolean;
  onFocus(): void;
}

function Row({ row, index, count, isChosen, onFocus }: RowProps) {
  const isPending = (name: string) => pending.value.has(`ticket.${row.ticket_id}.${name}`);
  const group = sections.ticket_form.value?.groups.find((each) => each.name === row.group);
  const isOverdue = row.due_at !== null && row.status !== "closed" && Date.parse(row.due_at) < Date.now();
  const isOpen = mainTicket.value?.ticket_id === row.ticket_id || sections.opened.value?.ticket_id === row.ticket_id;
  return (
    <div
      class={`ticket-row is-${row.status} ${isOpen ? "on" : ""}`}
      role="listitem"
      aria-posinset={index + 1}
      aria-setsize={count}
      data-index={index}
      data-ticket={row.ticket_id}
      tabIndex={isChosen ? 0 : -1}
      ref={(box) => box?.style.setProperty("top", `${index * ROW_HEIGHT}px`)}
      onFocus={onFocus}
      onClick={(event) => !(event.target as Element).closest("select") && void openTicket(row.ticket_id)}
    >
      <span class="ticket-row-head">
        <span class="figures">#{row.ticket_id}</span>
        <bdi class="ticket-row-subject" title={tame(row.subject)}>
          {tame(row.subject)}
        </bdi>
        {(row.priority === "high" || row.priority === "urgent") && <b class="ticket-row-priority">{t(row.priority === "urgent" ? "ticket.priority_urgent" : "ticket.priority_high")}</b>}
        {row.due_at ? (
          <span class={isOverdue ? "overdue" : "faint"}>
            {t(isOverdue ? "tickets.overdue" : "tickets.due_at")} <When at={row.due_at} isShort />
          </span>
        ) : (
          <When at={row.created_at} isShort />
        )}
      </span>
      <span class="ticket-row-foot">
        <bdi class="faint">{[tame(row.customer_name), group && label(group.label, group.name)].filter(Boolean).join(" · ")}</bdi>
        <Select
          id={`row-owner-${row.ticket_id}`}
          name={`${t("ticket.owner")} #${row.ticket_id}`}
          value={row.owner_id}
          choices={ownerChoices(row.owner_id, row.owner)}
          isPending={isPending("owner")}
          onPick={(picked) => change(row, "owner", picked)}
        />
        <Select
          id={`row-status-${row.ticket_id}`}
          name={`${t("ticket.status")} #${row.ticket_id}`}
          value={row.status}
          choices={choicesOf(STATUS_WORDS)}
          isPending={isPending("status")}
          onPick={(picked) => change(row, "status", picked)}
        />
      </span>
    </div>
  );
}

const others = (): OpenTicket[] => (sections.ticket.value?.open_tickets ?? []).filter((other) => other.ticket_id !== sections.ticket.value?.ticket_id);

/** The other open tickets of whoever is on the line, each a press away from the call. */
function Others() {
  const rows = others();
  const why = isLinked.value ? (sections.call.value ? "" : t("why.no_call")) : t("why.no_link");
  if (rows.length === 0) return <p class="teach">{sections.ticket.value ? t("ticket.no_others") : t("beside.tickets_teach")}</p>;
  return (
    <ul class="ticket-rows">
      {rows.map((row) => (
        <li key={row.ticket_id}>
          <span class="figures">#{row.ticket_id}</span>
          <button type="button" class="text-button ticket-row-subject" title={tame(row.subject)} onClick={() => void openTicket(row.ticket_id)}>
            <bdi>{tame(row.subject)}</bdi>
          </button>
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
