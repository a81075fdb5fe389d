// Beside the ticket: tabs, each with a panel of its own (beside.ts). By the ARIA pattern of tabs: one stop for the Tab
// key, arrows move and open, Home and End go to the ends.

import { useEffect, useRef } from "preact/hooks";
import { TABS } from "../beside";
import type { BesideTab } from "../beside";
import { besideTab, openBeside } from "../besideTab";
import { t } from "../i18n";

export function BesideColumn() {
  const seen = useRef(new Set<string>());
  const chosen = TABS.find((tab) => tab.id === besideTab.value) ?? TABS[0]!;
  seen.current.add(chosen.id);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Sideways alone: on a narrow screen scrollIntoView would take the page away from the caller.
    const tab = list.current?.querySelector<HTMLElement>("[aria-selected=true]");
    if (tab && list.current) list.current.scrollLeft = tab.offsetLeft - list.current.offsetLeft - tab.offsetWidth;
  }, [chosen.id]);
  return (
    <section class="column beside" aria-label={t("beside.title")}>
      <div ref={list} class="tabs" role="tablist" aria-label={t("beside.title")} onKeyDown={move}>
        {TABS.map((tab) => (
          <Tab key={tab.id} tab={tab} isChosen={tab === chosen} />
        ))}
      </div>
      {TABS.filter((tab) => tab === chosen || (tab.isKept && seen.current.has(tab.id))).map((tab) => (
        <div
          key={tab.id}
          id={`beside-panel-${tab.id}`}
          class="beside-panel"
          role="tabpanel"
          aria-labelledby={`beside-tab-${tab.id}`}
          tabIndex={0}
          hidden={tab !== chosen}
        >
          <tab.Component />
        </div>
      ))}
    </section>
  );
}

function Tab({ tab, isChosen }: { tab: BesideTab; isChosen: boolean }) {
  const count = tab.count?.();
  return (
    <button
      type="button"
      id={`beside-tab-${tab.id}`}
      class="tab"
      role="tab"
      data-tab={tab.id}
      aria-selected={isChosen}
      aria-controls={isChosen ? `beside-panel-${tab.id}` : undefined}
      tabIndex={isChosen ? 0 : -1}
      onClick={() => openBeside(tab.id)}
    >
      {t(tab.label)}
      {count !== undefined && <span class={`count figures ${count ? "" : "none"}`}>{count}</span>}
    </button>
  );
}

function move(event: KeyboardEvent): void {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = TABS.findIndex((tab) => tab.id === besideTab.peek());
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  openBeside(TABS[(to + TABS.length) % TABS.length]!.id, true);
}
