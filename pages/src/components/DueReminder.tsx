// A promised callback is due: a quiet card over the corner of the third column. Never during a call, never over what is typed.

import { signal } from "@preact/signals";
import { besideTab, openBeside } from "../besideTab";
import { isTyping } from "../keys";
import { promiseActions } from "../day";
import { t } from "../i18n";
import { isLive, tame } from "../line";
import { sections } from "../store";
import { relative, tick } from "../time";
import { ActionButton } from "./ActionButton";

/** Those that were put aside, by call and time; in ten minutes it is another one. */
const aside = signal<ReadonlySet<string>>(new Set());

const shown = new Set<string>();

export function DueReminder() {
  const me = sections.me.value?.user_id;
  const due = (sections.callbacks.value?.mine ?? []).find(
    (row) => row.is_due && row.keeper_id === me && !aside.value.has(`${row.call_id} ${row.due_at}`),
  );
  // In the open list it stands on top already.
  if (!due || isLive(sections.call.value) || besideTab.value === "callbacks") return null;
  const name = `${due.call_id} ${due.due_at}`;
  if (!shown.has(name) && tick.value && isTyping()) return null; // it waits until the line is typed
  shown.add(name);
  const { call, snooze, done } = promiseActions(due);
  const later = () => (aside.value = new Set(aside.value).add(name));
  return (
    <section class="due-reminder" aria-label={t("promise.reminder")}>
      <span class="unseen" role="status">
        {t("promise.reminder")}: {tame(due.name) || tame(due.number)}
      </span>
      <p class="due-head">
        <b>{t("promise.reminder")}</b> <span class="faint">{relative(due.due_at)}</span>
      </p>
      <p>
        <bdi class="day-name">{tame(due.name) || tame(due.number)}</bdi> {due.name && <bdi class="figures faint">{tame(due.number)}</bdi>}
      </p>
      {due.text && (
        <p>
          <bdi>{tame(due.text)}</bdi>
        </p>
      )}
      <div class="day-buttons">
        <ActionButton action={call} kind="small" icon="dial" />
        <ActionButton action={snooze} kind="small" />
        <ActionButton action={done} kind="small" />
        <button
          type="button"
          class="button small"
          onClick={() => {
            later();
            openBeside("callbacks", true);
          }}
        >
          {t("promise.open_list")}
        </button>
      </div>
    </section>
  );
}
