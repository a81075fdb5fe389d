// The second call, in the strip's upper right: who waits, since when, why; accept and decline. Nothing else moves for it:
// the first caller's name gives way a little, the buttons and the timer keep their places.

import { useRef, useLayoutEffect } from "preact/hooks";
import { t } from "../i18n";
import type { Key } from "../i18n";
import type { SecondSection } from "../protocol";
import { KIND_WORDS, second, secondActions, whoWaits } from "../second";
import { duration, secondsSince } from "../time";
import { ActionButton } from "./ActionButton";
import { Icon } from "./Icon";

const STATE_WORDS: Record<SecondSection["state"], Key> = {
  waiting: "second.waiting",
  on_hold: "second.on_hold",
  talking: "second.talking",
};

export function SecondCall() {
  const value = second();
  return (
    <>
      <span class="unseen" role="status" aria-live="assertive">
        {value ? `${t(STATE_WORDS[value.state])}: ${whoWaits(value)}` : ""}
      </span>
      {value && <Shown value={value} />}
    </>
  );
}

function Shown({ value }: { value: SecondSection }) {
  const box = useRef<HTMLDivElement>(null);
  // The focus of a button that goes away goes to the notes, as after a consultation.
  useLayoutEffect(
    () => () => {
      const focused = document.activeElement;
      if (focused === document.body || box.current?.contains(focused)) document.getElementById("notes")?.focus({ preventScroll: true });
    },
    [],
  );
  const name = whoWaits(value);
  const kind = KIND_WORDS[value.kind];
  return (
    <div ref={box} class="second" data-state={value.state} role="group" aria-label={t("second.title")}>
      <div class="second-who">
        <Icon name={value.state === "waiting" ? "dial" : "hold"} />
        <span class="second-state">{t(STATE_WORDS[value.state])}</span>
        <bdi class="second-name" title={name}>
          {name}
        </bdi>
        {kind && <span class="second-kind">{t(kind)}</span>}
        <span class="figures" role="timer" aria-label={t(STATE_WORDS[value.state])}>
          {duration(Math.max(0, secondsSince(value.since)))}
        </span>
      </div>
      <ActionButton action={secondActions.accept} icon={value.state === "waiting" ? "answer" : "retrieve"} kind="small strong" />
      <ActionButton action={secondActions.decline} icon="hang_up" kind="small" />
    </div>
  );
}
