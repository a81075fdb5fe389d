// What states and reasons are called.

import { computed } from "@preact/signals";
import { label, t } from "./i18n";
import type { Key } from "./i18n";
import { sections } from "./store";

const LABEL_OF_STATE: Record<string, Key> = {
  LOGGED_OUT: "state.logged_out",
  READY: "state.ready",
  RESERVED: "state.reserved",
  RINGING: "state.ringing",
  TALKING: "state.talking",
  WRAP_UP: "state.wrap_up",
  NOT_READY: "state.not_ready",
};

const LABEL_OF_SYSTEM_REASON: Record<string, Key> = {
  rona: "reason.rona",
  phone_lost: "reason.phone_lost",
  declined: "reason.declined",
  signed_in: "reason.signed_in",
};

/** "Ready", "Lunch", "Did not answer". */
export function stateLabel(state: string, reason: string): string {
  if (state === "NOT_READY" && reason) {
    const own = sections.agent.value?.reasons.find((each) => each.name === reason);
    if (own) return label(own.label, reason);
    const key = LABEL_OF_SYSTEM_REASON[reason];
    return key ? t(key) : reason;
  }
  const key = LABEL_OF_STATE[state];
  return key ? t(key) : state;
}

export const askedNext = computed(() => {
  const agent = sections.agent.value;
  return agent?.next_state ? stateLabel(agent.next_state, agent.next_reason) : "";
});
