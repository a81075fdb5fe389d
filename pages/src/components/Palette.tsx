// Ctrl K: every action by its name, the reasons, the open tickets, the recordings of this customer; and, as soon as
// something is typed, people, queues, numbers and all tickets (palette.ts).

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { attachTo, layer, reasonAction, signOutAction, strip } from "../actions";
import type { Action } from "../actions";
import { TABS } from "../beside";
import { openBeside } from "../besideTab";
import { openPromise } from "../day";
import { language, setLanguage, t } from "../i18n";
import { perform } from "../keys";
import { menu, menuActions } from "../menus";
import { fits, places } from "../palette";
import type { Entry } from "../palette";
import { tame } from "../line";
import { play } from "../player";
import { reach } from "../reach";
import { sections } from "../store";
import { echoAction, soundAction } from "../sound";
import { relative } from "../time";
import { Icon } from "./Icon";
import { useModal } from "./useModal";

function fromAction(action: Action): Entry {
  return { id: action.id, text: action.label(), key: action.key, blocked: action.blocked(), run: () => perform(action) };
}

function entries(): Entry[] {
  const reasons = (sections.agent.value?.reasons ?? []).map((reason) => reasonAction(reason.name));
  const actions = [...Object.values(strip), ...Object.values(reach), menu, ...menuActions(), ...reasons, soundAction, echoAction, signOutAction].map(fromAction);
  const ticket = sections.ticket.value;
  const noCall = sections.call.value ? "" : t("why.no_call");
  const tickets = (ticket?.open_tickets ?? [])
    .filter((other) => other.ticket_id !== ticket?.ticket_id)
    .map((other) => ({
      id: `attach.${other.ticket_id}`,
      text: `${t("ticket.attach")} #${other.ticket_id} ${tame(other.subject)}`,
      key: "",
      blocked: noCall,
      run: () => void attachTo(other.ticket_id),
    }));
  const recordings = (sections.customer.value?.history ?? []).flatMap((row) => {
    const id = row.recording_id;
    if (!id) return [];
    const text = `${t("player.play")}: ${relative(row.at)} ${tame(row.agent)}`;
    return [{ id: `play.${id}`, text, key: "", blocked: "", run: () => play({ id, title: row.queue, at: row.at }) }];
  });
  const beside = TABS.map((tab) => ({
    id: `beside.${tab.id}`,
    text: t("beside.show", { name: t(tab.label) }),
    key: "",
    blocked: "",
    run: () => openBeside(tab.id, true),
  }));
  const owed = [
    { id: "promise", text: t("promise.title"), key: "", blocked: noCall, run: openPromise },
    ...(sections.messages.value?.may_send
      ? [{ id: "message", text: t("messages.compose"), key: "", blocked: "", run: () => openBeside("messages", true) }]
      : []),
  ];
  const other = language.value === "zh" ? "en" : "zh";
  const rest = [
    { id: "language", text: t("language.switch"), key: "", blocked: "", run: () => setLanguage(other) },
    { id: "links", text: t("links.title"), key: "", blocked: "", run: () => void (layer.value = "links") },
    { id: "keys", text: t("keys.title"), key: "?", blocked: "", run: () => void (layer.value = "keys") },
  ];
  return [...actions, ...tickets, ...recordings, ...beside, ...owed, ...rest];
}

export function Palette() {
  return layer.value === "palette" ? <Open /> : null;
}

function Open() {
  const question = useSignal("");
  const at = useSignal(0);
  const field = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLUListElement>(null);
  useModal(box, field);
  const found = [...entries().filter((entry) => fits(entry.text, question.value)), ...places(question.value)];
  // What can be done now stands first; the order within stays.
  const shown = [...found.filter((entry) => !entry.blocked), ...found.filter((entry) => entry.blocked)];
  const chosen = Math.min(at.value, Math.max(0, shown.length - 1));
  useLayoutEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [chosen]);
  const pick = (entry: Entry | undefined) => {
    if (!entry || entry.blocked) return;
    layer.value = "";
    entry.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing || event.keyCode === 229) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && shown.length) {
      event.preventDefault();
      at.value = (chosen + step + shown.length) % shown.length;
    } else if (event.key === "Enter") {
      event.preventDefault();
      pick(shown[chosen]);
    }
  };
  return (
    <div class="veil" onPointerDown={(event) => event.target === event.currentTarget && (layer.value = "")}>
      <div ref={box} class="palette" role="dialog" aria-modal="true" aria-label={t("palette.open")}>
        <label class="palette-field">
          <Icon name="search" />
          <input
            ref={field}
            value={question.value}
            maxLength={80}
            autocomplete="off"
            placeholder={t("palette.placeholder")}
            aria-label={t("palette.placeholder")}
            role="combobox"
            aria-expanded="true"
            aria-controls="palette-list"
            aria-activedescendant={shown[chosen] ? `palette-${chosen}` : undefined}
            onInput={(event) => {
              question.value = event.currentTarget.value;
              at.value = 0;
            }}
            onKeyDown={onKeyDown}
          />
          <kbd>Esc</kbd>
        </label>
        <ul id="palette-list" role="listbox" aria-label={t("palette.open")} ref={list}>
          {shown.map((entry, index) => (
            <li
              key={entry.id}
              id={`palette-${index}`}
              role="option"
              aria-selected={index === chosen}
              aria-disabled={entry.blocked ? true : undefined}
              onPointerMove={() => (at.value = index)}
              onClick={() => pick(entry)}
            >
              <bdi>{entry.text}</bdi>
              {(entry.blocked || entry.detail) && <span class="faint">{entry.blocked || entry.detail}</span>}
              {entry.key && <kbd>{entry.key}</kbd>}
            </li>
          ))}
        </ul>
        <p class="palette-none faint" role="status">
          {shown.length === 0 && t("palette.nothing")}
        </p>
      </div>
    </div>
  );
}
