// A button for one action: keeps its place in every state, says why it can't be pressed, shows that it was.

import type { Action } from "../actions";
import { t } from "../i18n";
import { perform } from "../keys";
import { pending } from "../store";
import { Icon } from "./Icon";
import type { IconName } from "./Icon";

interface Props {
  action: Action;
  icon?: IconName;
  kind?: string;
  isOn?: boolean;
  /** The name in the pending list, when several buttons share one. */
  pendingAs?: string;
}

export function ActionButton({ action, icon, kind = "", isOn, pendingAs }: Props) {
  const why = action.blocked();
  const isPending = pending.value.has(pendingAs ?? action.id);
  const name = action.label();
  const title = why || (action.key ? `${name} (${action.key})` : name);
  return (
    <button
      type="button"
      class={`button ${kind} ${isPending ? "pending" : ""} ${isOn ? "on" : ""}`}
      aria-disabled={why || isPending ? true : undefined}
      aria-busy={isPending || undefined}
      aria-pressed={isOn}
      aria-label={why ? `${name}: ${why}` : isPending ? `${name}: ${t("pending")}` : undefined}
      aria-keyshortcuts={action.key || undefined}
      data-action={action.id}
      title={title}
      onClick={() => !isPending && perform(action)}
    >
      {icon && <Icon name={icon} />}
      <span class="button-text">{name}</span>
      {action.key && <kbd>{action.key.replace("Shift+", "⇧")}</kbd>}
    </button>
  );
}
