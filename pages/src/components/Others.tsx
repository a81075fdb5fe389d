// The strip's second line while more than two take part: who is consulted and what can be done about it, or who is in
// the conference. It stands where the caller's way stands at other times, so that nothing moves.

import { useLayoutEffect, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { layer } from "../actions";
import { t } from "../i18n";
import type { Key } from "../i18n";
import { perform } from "../keys";
import { isLive, tame } from "../line";
import type { CallSection, Consult, PartyRow } from "../protocol";
import { dropAction, reach } from "../reach";
import { pending, sections } from "../store";
import { ActionButton } from "./ActionButton";
import { Icon } from "./Icon";

export function hasOthers(call: CallSection | null): boolean {
  return isLive(call) && (call.consult !== null || call.parties.length > 0);
}

export function Others() {
  const call = sections.call.value;
  if (!isLive(call)) return null;
  if (call.consult) return <Consulting consult={call.consult} />;
  return call.parties.length > 0 ? <Conference parties={call.parties} /> : null;
}

const CONSULT_WORDS: Record<Consult["state"], Key> = {
  ringing: "reach.rings",
  waiting: "reach.waits",
  talking: "reach.talks",
};

function Consulting({ consult }: { consult: Consult }) {
  return (
    <Line label={t("reach.consult")}>
      <span class="consulted" role="status">
        <Icon name="person" />
        <bdi class="consulted-name">{tame(consult.label || consult.target)}</bdi>
        <span class={`consulted-state ${consult.state}`}>{t(CONSULT_WORDS[consult.state])}</span>
      </span>
      <ActionButton action={reach.complete} icon="forward" kind="small strong" />
      <ActionButton action={reach.conference} icon="people" kind="small" />
      <ActionButton action={reach.cancel} icon="retrieve" kind="small" />
    </Line>
  );
}

function Conference({ parties }: { parties: PartyRow[] }) {
  return (
    <Line label={t("phase.conference")}>
      <ul class="parties" aria-label={t("reach.parties")}>
        {parties.map((party) => (
          <Party key={party.endpoint} party={party} />
        ))}
      </ul>
      <ActionButton action={reach.add} icon="people" kind="small" isOn={layer.value === "add"} />
    </Line>
  );
}

function Party({ party }: { party: PartyRow }) {
  const action = dropAction({ ...party, label: tame(party.label) });
  const why = action.blocked();
  const isPending = pending.value.has(action.id);
  return (
    <li class={`party ${isPending ? "pending" : ""}`} data-party={party.endpoint}>
      <Icon name="person" />
      <bdi>{tame(party.label)}</bdi>
      <button
        type="button"
        class="icon-button"
        aria-label={why ? `${action.label()}: ${why}` : action.label()}
        aria-disabled={why || isPending ? true : undefined}
        aria-busy={isPending || undefined}
        title={why || action.label()}
        onClick={() => !isPending && perform(action)}
      >
        <Icon name="close" />
      </button>
    </li>
  );
}

/** A line whose focus isn't lost when the button that had it goes away: the next one has it, else the notes. */
function Line({ label, children }: { label: string; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const last = useRef<EventTarget | null>(null);
  useLayoutEffect(() => {
    const isGone = last.current instanceof Element && !last.current.isConnected;
    if (isGone && document.activeElement === document.body) box.current?.querySelector<HTMLElement>("button")?.focus();
  });
  useLayoutEffect(
    () => () => {
      const focused = document.activeElement;
      if (focused === document.body || box.current?.contains(focused)) document.getElementById("notes")?.focus({ preventScroll: true });
    },
    [],
  );
  return (
    <div ref={box} class="others" role="group" aria-label={label} onFocusIn={(event) => (last.current = event.target)}>
      {children}
    </div>
  );
}
