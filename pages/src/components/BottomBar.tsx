// The bar at the bottom: the agent's day.

import type { ComponentChildren } from "preact";
import { TABS } from "../beside";
import type { BesideTab } from "../beside";
import { openBeside } from "../besideTab";
import { t } from "../i18n";
import { sections } from "../store";
import { duration } from "../time";
import { Icon } from "./Icon";
import { Parked } from "./Parked";

function Figure({ name, children, title }: { name: string; children: ComponentChildren; title?: string }) {
  return (
    <span title={title}>
      {name} <b class="figures">{children}</b>
    </span>
  );
}

/** A count that opens the tab where its things stand. */
function TabCount({ tab }: { tab: BesideTab }) {
  return (
    <button type="button" class="quiet-button bar-count" data-opens={tab.id} onClick={() => openBeside(tab.id, true)}>
      {t(tab.inBar ?? tab.label)} <span class="count figures">{tab.count?.()}</span>
    </button>
  );
}

/** What somebody must mend although the exchange is there: said to everybody, in nobody's way. */
function Alarm() {
  const link = sections.link.value;
  const text = link?.switch === "up" ? link.text : "";
  return (
    <span class="alarm" role="status" title={text}>
      {text && <Icon name="alert" />}
      <span>{text}</span>
    </span>
  );
}

export function BottomBar() {
  const today = sections.today.value;
  if (!today) return <footer class="bottom-bar" />;
  return (
    <footer class="bottom-bar" aria-label={t("today.title")}>
      <span class="today-head">{t("today.title")}</span>
      <Figure name={t("today.calls")}>{today.calls}</Figure>
      <Figure name={t("today.talk")}>{duration(today.talk_s)}</Figure>
      <Figure name={t("today.wrap_up")}>{duration(today.wrap_up_s)}</Figure>
      <Figure name={t("today.occupancy")} title={t("today.occupancy_hint")}>
        {today.occupancy === null ? "–" : `${Math.round(today.occupancy * 100)} %`}
      </Figure>
      <Figure name={t("today.missed")}>{today.missed}</Figure>
      {TABS.filter((tab) => tab.inBar).map((tab) => (
        <TabCount key={tab.id} tab={tab} />
      ))}
      <Alarm />
      <Parked />
    </footer>
  );
}
