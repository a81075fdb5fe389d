// The bar at the bottom: the agent's day.

import type { ComponentChildren } from "preact";
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
      <Alarm />
      <Parked />
    </footer>
  );
}
