// The button of the menus during a call, its list, and the line that says where the caller is.

import { layer } from "../actions";
import type { Action } from "../actions";
import { t } from "../i18n";
import { perform } from "../keys";
import { comesBack, menu, menuActions, menuLabel, menuLine, menuNow } from "../menus";
import { ActionButton } from "./ActionButton";
import { Icon } from "./Icon";
import { Menu } from "./Menu";

const nameOf = (action: Action): string => action.id.slice("menu.".length);

export function CallMenus() {
  return (
    <div class="anchor">
      <ActionButton action={menu} kind="fixed-menu" isOn={menuNow() !== null || layer.value === "menus"} />
      <Menu name="menus" label={t("menus.title")} opener="menu">
        {menuActions().map((action) => (
          <button
            key={action.id}
            type="button"
            role="menuitem"
            tabIndex={-1}
            class="row"
            data-action={action.id}
            aria-disabled={action.blocked() ? true : undefined}
            title={action.blocked()}
            onClick={() => perform(action)}
          >
            <span>{menuLabel(nameOf(action))}</span>
            <span class="faint">{comesBack(nameOf(action)) ? t("menus.comes_back") : t("menus.for_good")}</span>
          </button>
        ))}
      </Menu>
    </div>
  );
}

export function MenuLine() {
  const line = menuLine();
  if (!line) return null;
  return (
    <span class={`menu-line ${line.isBad ? "problem" : ""}`} role="status" title={line.text}>
      {line.isGood && <Icon name="check" />}
      {line.isBad && <Icon name="alert" />} {line.text}
    </span>
  );
}
