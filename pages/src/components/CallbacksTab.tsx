// Who is to be called: missed callers, what the agent promised, what callers asked his queues for.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { handPromise, makePromise, missedActions, promiseActions, wallTime } from "../day";
import { label, plural, t } from "../i18n";
import type { Key } from "../i18n";
import { tame } from "../line";
import type { MissedRow, PromiseRow, StandingRow } from "../protocol";
import { isLinked, pending, sections } from "../store";
import { now } from "../time";
import { ActionButton } from "./ActionButton";
import { Clock, When } from "./When";

export function CallbacksTab() {
  const missed = sections.missed.value;
  const callbacks = sections.callbacks.value;
  return (
    <div class="day-lists">
      <PromiseForm />
      <List title={t("callbacks.mine")} count={callbacks?.mine.length ?? 0} teach={t("callbacks.mine_teach")}>
        {callbacks?.mine.map((row) => <Promised key={row.call_id} row={row} />)}
      </List>
      {callbacks && callbacks.team.length > 0 && (
        <List title={t("callbacks.team")} count={callbacks.team.length} teach="">
          {callbacks.team.map((row) => <Promised key={row.call_id} row={row} />)}
        </List>
      )}
      <List title={t("missed.title")} count={missed?.open.length ?? 0} teach={t("missed.teach")}>
        {missed?.open.map((row) => <Missed key={row.call_id} row={row} />)}
      </List>
      {missed && missed.more > 0 && <p class="faint">{t("missed.more", { n: missed.more })}</p>}
      {callbacks && callbacks.queue.length > 0 && (
        <List title={t("callbacks.queue")} count={callbacks.queue.length} teach="">
          {callbacks.queue.map((row) => <Standing key={row.call_id} row={row} />)}
        </List>
      )}
      {missed && missed.closed.length > 0 && (
        <List title={t("missed.closed")} count={missed.closed.length} teach="">
          {missed.closed.map((row) => <Closed key={`${row.call_id}`} row={row} />)}
        </List>
      )}
    </div>
  );
}

function List({ title, count, teach, children }: { title: string; count: number; teach: string; children: ComponentChildren }) {
  return (
    <section class="day-list">
      <h3>
        {title} <span class="figures faint">{count}</span>
      </h3>
      {count > 0 ? <ul>{children}</ul> : <p class="teach">{teach}</p>}
    </section>
  );
}

function Who({ row }: { row: { name: string; number: string; place: string } }) {
  return (
    <span class="day-who">
      <bdi class="day-name">{tame(row.name) || tame(row.number)}</bdi>
      {row.name && <bdi class="figures faint">{tame(row.number)}</bdi>}
      {row.place && <span class="faint">{row.place}</span>}
    </span>
  );
}

const TRIES: Record<string, Key> = {
  busy: "missed.try_busy",
  declined: "missed.try_declined",
  congested: "missed.try_congested",
  unreachable: "missed.try_congested",
};

function Missed({ row }: { row: MissedRow }) {
  const { call, take, close } = missedActions(row);
  const me = sections.me.value;
  const isMine = me !== null && (row.agents.includes(me.user_id) || row.phones.includes(me.extension));
  const tried = row.last_try_at && t(TRIES[row.last_try] ?? "missed.try_no_answer", { name: tame(row.last_try_by) });
  return (
    <li class="day-row" data-missed={row.call_id}>
      <Who row={row} />
      <span class="day-when">
        {row.count > 1 && <b class="figures">{t("missed.times", { n: row.count })}</b>} <Clock at={row.last_at} />
      </span>
      <span class="day-what">
        {row.queue && <span>{label(row.queue_label, row.queue)}</span>}
        {isMine && <span>{t("missed.rang_here")}</span>}
        {row.voicemail && <span>{t("missed.voicemail")}</span>}
        {row.taken_by && <b>{row.taken_by === me?.user_id ? t("missed.taken_by_me") : t("missed.taken_by", { name: tame(row.taken_name) })}</b>}
        {tried && row.last_try_at && (
          <span>
            {tried} <Clock at={row.last_try_at} />
          </span>
        )}
      </span>
      <span class="day-buttons">
        <ActionButton action={call} kind="small" icon="dial" />
        <ActionButton action={take} kind="small" />
        <ActionButton action={close} kind="small" />
      </span>
    </li>
  );
}

const HOW: Record<MissedRow["how"], Key> = {
  "": "missed.closed",
  got_through: "missed.got_through",
  called_back: "missed.called_back",
  by_hand: "missed.by_hand",
};
const BY_HAND: Record<string, Key> = {
  solved: "missed.solved",
  wrong_number: "missed.wrong_number",
  no_need: "missed.no_need",
  other: "missed.other",
};

function Closed({ row }: { row: MissedRow }) {
  const key = row.how === "by_hand" ? BY_HAND[row.result] : undefined;
  const result = key ? t(key) : label(row.result_label, tame(row.result));
  return (
    <li class="day-row closed" data-closed={row.call_id}>
      <Who row={row} />
      <span class="day-when">{row.closed_at && <Clock at={row.closed_at} />}</span>
      <span class="day-what">
        <span>{t(HOW[row.how], { name: tame(row.closed_by) || t("missed.somebody") })}</span>
        {result && <span>{result}</span>}
      </span>
    </li>
  );
}

function Promised({ row }: { row: PromiseRow }) {
  const { call, snooze, done } = promiseActions(row);
  const isMine = row.keeper_id === sections.me.value?.user_id;
  return (
    <li class={row.is_due ? "day-row due" : "day-row"} data-promise={row.call_id}>
      <Who row={row} />
      <span class="day-when">
        {row.is_due && <b>{t("callbacks.due")}</b>} <CompanyTime at={row.due_at} />
      </span>
      <span class="day-what">
        {row.text && <bdi>{tame(row.text)}</bdi>}
        {!isMine && <b>{row.keeper ? t("callbacks.keeper", { name: tame(row.keeper) }) : label(row.queue_label, row.queue)}</b>}
        {row.is_signed_out && <span>{t("callbacks.signed_out")}</span>}
      </span>
      <span class="day-buttons">
        <ActionButton action={call} kind="small" icon="dial" />
        <ActionButton action={snooze} kind="small" />
        <ActionButton action={done} kind="small" />
        <Hand row={row} />
      </span>
    </li>
  );
}

/** When, on the company's clock: the agent promised it on that one. */
function CompanyTime({ at }: { at: string }) {
  const [day, time] = wallTime(Date.parse(at)).split("T");
  const isToday = wallTime(now()).startsWith(day ?? "");
  return (
    <time dateTime={at} class="figures" title={`${day} ${time} · ${sections.me.value?.time_zone ?? ""}`}>
      {isToday ? time : `${day} ${time}`}
    </time>
  );
}

function Hand({ row }: { row: PromiseRow }) {
  const queues = Object.entries(sections.me.value?.queue_labels ?? {});
  const extension = useSignal("");
  const isOn = useSignal(false);
  const isPending = pending.value.has(`promise.hand.${row.call_id}`);
  if (!isOn.value) {
    return (
      <button type="button" class={`button small ${isPending ? "pending" : ""}`} aria-expanded="false" onClick={() => (isOn.value = true)}>
        {t("promise.hand")}
      </button>
    );
  }
  const hand = (kind: "agent" | "queue", value: string) => {
    if (!value || !isLinked.value) return;
    isOn.value = false;
    void handPromise(row, kind, value);
  };
  return (
    <form
      class="day-hand"
      onSubmit={(event) => {
        event.preventDefault();
        hand("agent", extension.value.trim());
      }}
      onKeyDown={(event) => event.key === "Escape" && !event.isComposing && (isOn.value = false)}
    >
      <input
        value={extension.value}
        inputMode="numeric"
        size={5}
        maxLength={5}
        aria-label={t("promise.hand_extension")}
        placeholder={t("promise.hand_extension")}
        onInput={(event) => (extension.value = event.currentTarget.value)}
      />
      <button type="submit" class="button small">
        {t("promise.hand")}
      </button>
      <select aria-label={t("promise.hand_queue")} value="" onChange={(event) => hand("queue", event.currentTarget.value)}>
        <option value="">{t("promise.hand_queue")}</option>
        {queues.map(([name, labels]) => (
          <option key={name} value={name}>
            {label(labels, name)}
          </option>
        ))}
      </select>
    </form>
  );
}

function Standing({ row }: { row: StandingRow }) {
  return (
    <li class="day-row" data-standing={row.call_id}>
      <bdi class="day-who figures">{tame(row.number)}</bdi>
      <span class="day-when">
        <When at={row.requested_at} isShort />
      </span>
      <span class="day-what">
        <span>{label(row.queue_label, row.queue)}</span>
        <span>{row.stage === "waiting" ? t("callbacks.waiting") : t("callbacks.under_way")}</span>
        {row.attempts > 0 && <span>{plural("callbacks.attempts_one", "callbacks.attempts_other", row.attempts)}</span>}
      </span>
    </li>
  );
}

/** "I call you back tomorrow at 10:15": to the customer of the call that stands here. */
function PromiseForm() {
  const call = sections.call.value;
  const due = useSignal("");
  const text = useSignal("");
  const why = !isLinked.value ? t("why.no_link") : !call ? t("why.no_call") : !due.value ? t("promise.choose_time") : "";
  const isPending = pending.value.has("promise.make");
  const promise = async () => {
    if (why || !call || isPending) return;
    if (await makePromise(call.call_id, due.value, text.value)) {
      due.value = "";
      text.value = "";
    }
  };
  const soon = (minutes: number) => (due.value = wallTime(now() + minutes * 60_000));
  return (
    <form
      class="promise-form"
      aria-label={t("promise.title")}
      onSubmit={(event) => {
        event.preventDefault();
        void promise();
      }}
    >
      <h3>{t("promise.title")}</h3>
      <div class="promise-fields">
        <input
          id="promise-due"
          type="datetime-local"
          value={due.value}
          min={wallTime(now())}
          aria-label={t("promise.when", { zone: sections.me.value?.time_zone ?? "" })}
          title={t("promise.when", { zone: sections.me.value?.time_zone ?? "" })}
          onInput={(event) => (due.value = event.currentTarget.value.slice(0, 16))}
        />
        <button type="button" class="button small" onClick={() => soon(60)}>
          {t("promise.in_an_hour")}
        </button>
        <button type="button" class="button small" onClick={() => soon(24 * 60)}>
          {t("promise.tomorrow")}
        </button>
      </div>
      <div class="promise-fields">
        <input
          value={text.value}
          maxLength={500}
          aria-label={t("promise.text")}
          placeholder={t("promise.text")}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
        <button type="submit" class={`button small ${isPending ? "pending" : ""}`} aria-disabled={why ? true : undefined} title={why}>
          {t("promise.make")}
        </button>
      </div>
    </form>
  );
}
