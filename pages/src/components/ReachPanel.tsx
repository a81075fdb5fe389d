// Whom to call, to send the caller to, or to bring in: one field finds colleagues, queues and numbers; what can be
// done with the chosen one stands beneath. Enter does what can be undone; sending a caller on for good needs more.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { layer, refused } from "../actions";
import type { Action } from "../actions";
import { prefilled } from "../dialLink";
import { find } from "../directory";
import type { Group, Reachable } from "../directory";
import { label, t } from "../i18n";
import type { Key } from "../i18n";
import { perform } from "../keys";
import { addParty, callerId, consultWith, dialTo, parkAction, PLACES, reach, transferTo } from "../reach";
import { sections } from "../store";
import { duration, secondsSince } from "../time";
import { Icon } from "./Icon";
import { Menu } from "./Menu";

export type ReachMode = "dial" | "transfer" | "add";

const TITLES: Record<ReachMode, Key> = { dial: "reach.dial", transfer: "reach.transfer", add: "reach.add_title" };
const GROUPS: Record<Group, Key> = {
  typed: "reach.number",
  recent: "reach.recent",
  parked: "parked.title",
  colleague: "reach.colleagues",
  queue: "reach.queues",
};

/** One of the buttons beneath the list: an action on whoever is chosen. */
interface Way {
  name: Key;
  key: "Enter" | "Ctrl Enter";
  isFirst: boolean;
  blocked: string;
  run(who: Reachable): void;
}

function ways(mode: ReachMode): Way[] {
  if (mode === "dial") {
    return [{ name: "reach.call", key: "Enter", isFirst: true, blocked: reach.dial.blocked(), run: dialTo }];
  }
  if (mode === "add") {
    return [{ name: "reach.add", key: "Enter", isFirst: true, blocked: refused("add_party"), run: addParty }];
  }
  return [
    { name: "reach.consult", key: "Enter", isFirst: true, blocked: refused("consult"), run: consultWith },
    { name: "reach.transfer_now", key: "Ctrl Enter", isFirst: false, blocked: refused("transfer"), run: transferTo },
  ];
}

export function ReachPanel({ mode }: { mode: ReachMode }) {
  return (
    <Menu name={mode} label={t(TITLES[mode])} role="dialog" class={`reach ${mode}`} opener={mode === "add" ? reach.add.id : undefined}>
      <Panel mode={mode} />
    </Menu>
  );
}

function Panel({ mode }: { mode: ReachMode }) {
  const question = useSignal(prefilled.peek());
  const at = useSignal(0);
  const list = useRef<HTMLUListElement>(null);
  const found = find(question.value, mode !== "add", mode === "dial"); // a queue joins no conference
  const index = Math.min(at.value, Math.max(0, found.length - 1));
  const chosen = found[index];
  useEffect(() => {
    prefilled.value = "";
  }, []);
  const offered = ways(mode);
  const go = (way: Way | undefined) => {
    if (!way || !chosen || way.blocked || chosen.blocked) return;
    layer.value = "";
    way.run(chosen);
  };
  const choose = (next: number) => {
    at.value = next;
    list.current?.querySelectorAll("[role=option]")[next]?.scrollIntoView({ block: "nearest" });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing || event.keyCode === 229) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      event.preventDefault();
      choose((index + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const wanted = event.ctrlKey || event.metaKey ? "Ctrl Enter" : "Enter";
      go(offered.find((way) => way.key === wanted));
    }
  };
  return (
    <>
      <label class="palette-field">
        <Icon name="search" />
        <input
          autofocus
          value={question.value}
          maxLength={80}
          placeholder={t("reach.placeholder")}
          aria-label={t("reach.placeholder")}
          autocomplete="off"
          role="combobox"
          aria-expanded="true"
          aria-controls="reach-list"
          aria-activedescendant={chosen ? `reach-${index}` : undefined}
          onInput={(event) => {
            question.value = event.currentTarget.value;
            at.value = 0;
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>Esc</kbd>
      </label>
      <ul id="reach-list" class="reach-list" role="listbox" aria-busy={sections.directory.value ? undefined : true} aria-label={t(TITLES[mode])} ref={list}>
        {found.map((who, place) => (
          <Row key={who.id} who={who} place={place} isChosen={place === index} isFirst={who.group !== found[place - 1]?.group} choose={choose} />
        ))}
      </ul>
      {found.length === 0 && sections.directory.value && <p class="reach-none faint">{t("reach.nobody")}</p>}
      <CallerId />
      {mode === "transfer" && <Places />}
      <div class="reach-ways">
        <span class="reach-hint faint">{mode === "transfer" && t("reach.hint")}</span>
        {offered.map((way) => (
          <WayButton key={way.name} way={way} who={chosen} go={go} />
        ))}
      </div>
    </>
  );
}

interface RowProps {
  who: Reachable;
  place: number;
  isChosen: boolean;
  isFirst: boolean;
  choose(place: number): void;
}

function Row({ who, place, isChosen, isFirst, choose }: RowProps) {
  return (
    <>
      {isFirst && who.group !== "typed" && (
        <li class="menu-head" role="presentation">
          {t(GROUPS[who.group])}
        </li>
      )}
      <li
        id={`reach-${place}`}
        role="option"
        aria-selected={isChosen}
        class={who.state === "LOGGED_OUT" ? "away" : ""}
        data-state={who.state || undefined}
        data-target={`${who.target.kind}:${who.target.value}`}
        onClick={() => choose(place)}
      >
        <span class={who.state ? "dot" : "dot none"} />
        <bdi class="reach-name">{who.name}</bdi>
        <bdi class="reach-detail figures">{who.detail}</bdi>
        <span class="reach-word">{who.word}</span>
        {who.since && <span class="reach-since figures">{duration(secondsSince(who.since))}</span>}
      </li>
    </>
  );
}

function WayButton({ way, who, go }: { way: Way; who: Reachable | undefined; go(way: Way): void }) {
  const why = way.blocked || (who ? who.blocked : t("why.nobody_chosen"));
  const name = t(way.name);
  return (
    <button
      type="button"
      class={`button ${way.isFirst ? "primary" : ""}`}
      aria-disabled={why ? true : undefined}
      aria-label={why ? `${name}: ${why}` : undefined}
      aria-keyshortcuts={way.key === "Enter" ? "Enter" : "Control+Enter"}
      title={why || `${name} (${way.key})`}
      data-way={way.name.replace("reach.", "")}
      onClick={() => go(way)}
    >
      {name} <kbd>{way.key}</kbd>
    </button>
  );
}

/** Which of his numbers somebody outside is to see; there is nothing to choose where he has one. */
function CallerId() {
  const allowed = sections.directory.value?.caller_ids ?? [];
  if (allowed.length < 2) return null;
  const chosen = allowed.some((each) => each.number === callerId.value) ? callerId.value : allowed[0]?.number;
  return (
    <label class="caller-id">
      <span class="faint">{t("reach.caller_id")}</span>
      <select value={chosen} onChange={(event) => (callerId.value = event.currentTarget.value)}>
        {allowed.map((each, place) => (
          <option key={each.number} value={each.number}>
            {[label(each.label, ""), each.number, place === 0 ? t("reach.caller_id_default") : ""].filter(Boolean).join(" · ")}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Where the caller can be parked; each place is a button that keeps its place. */
function Places() {
  return (
    <div class="places" role="group" aria-label={t("reach.park")}>
      <span class="faint">{t("reach.park")}</span>
      {PLACES.map((slot) => (
        <PlaceButton key={slot} slot={slot} action={parkAction(slot)} />
      ))}
    </div>
  );
}

function PlaceButton({ slot, action }: { slot: string; action: Action }) {
  const why = action.blocked();
  const name = action.label();
  return (
    <button
      type="button"
      class="button figures"
      aria-disabled={why ? true : undefined}
      aria-label={why ? `${name}: ${why}` : name}
      title={why || name}
      data-action={action.id}
      onClick={() => {
        layer.value = why ? layer.value : "";
        perform(action);
      }}
    >
      {slot}
    </button>
  );
}
