// The bar at the bottom: the agent's day.

import type { ComponentChildren } from "preact";
import { TABS } from "../beside";
import type { BesideTab } from "../beside";
import { openBeside } from "../besideTab";
import { t } from "../i18n";
import { tame } from "../line";
import { sections } from "../store";
import { duration, percent } from "../time";
import { DayPanel } from "./DayPanel";
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

/** The newest message that wasn't read: here it covers nothing, and is heard by nobody but a screen reader. */
function Newest() {
  const newest = sections.messages.value?.received.find((each) => !each.is_read);
  const text = newest ? `${tame(newest.by)}: ${tame(newest.text)}` : "";
  return (
    <span class="newest" role="status" title={text}>
      <bdi>{text}</bdi>
    </span>
  );
}


export function BottomBar() {
  const today = sections.today.value;
  if (!today) return <footer class="bottom-bar" />;
  return (
    <footer class="bottom-bar" aria-label={t("today.title")}>
      <DayPanel />
      <Figure name={t("today.calls")}>{today.calls}</Figure>
      <Figure name={t("today.talk")}>{duration(today.talk_s)}</Figure>
      <Figure name={t("today.wrap_up")}>{duration(today.wrap_up_s)}</Figure>
      <Figure name={t("today.occupancy")} title={t("today.occupancy_hint")}>
        {percent(today.occupancy)}
        {today.team && <span class="faint"> ({t("today.team_short", { share: percent(today.team.occupancy) })})</span>}
      </Figure>
      {TABS.filter((tab) => tab.inBar).map((tab) => (
        <TabCount key={tab.id} tab={tab} />
      ))}
      <Newest />
      <Alarm />
      <Parked />
    </footer>
  );
}
