// The agent's own day, opened from the bottom bar: each figure beside his team's, and the day by quarter hour.

import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import { layer } from "../actions";
import { t } from "../i18n";
import type { Key } from "../i18n";
import { sections } from "../store";
import { duration, percent, timeOfDay } from "../time";
import { Icon } from "./Icon";
import { Menu } from "./Menu";

/** One quarter hour, in seconds; times of `GET /api/v1/agents/figures`. */
interface Quarter {
  begins: string;
  figures: { talk_s: number; hold_s: number; wrap_up_s: number; ready_s: number };
}

const quarters = signal<Quarter[] | null>(null);
const isFailed = signal(false);
const READ_EVERY_MS = 60_000;
const QUARTER_S = 900;

async function read(): Promise<void> {
  try {
    const answer = await fetch("/api/v1/agents/figures?by=interval", { credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    const found = (await answer.json()) as { agents: { agent_id: string; parts: Quarter[] }[] };
    const mine = found.agents.find((each) => each.agent_id === sections.me.peek()?.user_id);
    quarters.value = mine?.parts ?? [];
    isFailed.value = false;
  } catch {
    isFailed.value = true; // what was read before stays
  }
}

export function DayPanel() {
  return (
    <div class="anchor day">
      <button
        type="button"
        class="quiet-button today-head"
        aria-haspopup="dialog"
        aria-expanded={layer.value === "day"}
        data-action="day"
        onClick={() => (layer.value = layer.value === "day" ? "" : "day")}
      >
        {t("today.title")} <Icon name="down" />
      </button>
      <Menu name="day" label={t("today.panel")} role="dialog" class="up day-menu" opener="day">
        <Panel />
      </Menu>
    </div>
  );
}

function Panel() {
  useEffect(() => {
    void read();
    const timer = window.setInterval(() => void read(), READ_EVERY_MS);
    return () => window.clearInterval(timer);
  }, []);
  const today = sections.today.value;
  if (!today) return null;
  const team = today.team;
  const rows: [Key, string, string][] = [
    ["today.calls", String(today.calls), team ? String(team.calls) : ""],
    ["today.talk", duration(today.talk_s), team ? duration(team.talk_s) : ""],
    ["today.hold", duration(today.hold_s), team ? duration(team.hold_s) : ""],
    ["today.wrap_up", duration(today.wrap_up_s), team ? duration(team.wrap_up_s) : ""],
    ["today.occupancy", percent(today.occupancy), team ? percent(team.occupancy) : ""],
    ["today.missed", String(today.missed), ""],
  ];
  return (
    <div class="day-panel" tabIndex={-1} autofocus>
      <table>
        <thead>
          <tr>
            <th scope="col">{t("today.title")}</th>
            <th scope="col">{t("today.me")}</th>
            <th scope="col">{team ? t("today.team", { n: team.members }) : ""}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([key, mine, theirs]) => (
            <tr key={key}>
              <th scope="row">{t(key)}</th>
              <td class="figures">{mine}</td>
              <td class="figures faint">{theirs}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {!team && <p class="faint">{t("today.no_team")}</p>}
      {isFailed.value && <p class="faint">{t("today.unread")}</p>}
      {quarters.value && quarters.value.length > 0 && <Plot parts={quarters.value} />}
    </div>
  );
}

const PARTS = ["talk_s", "hold_s", "wrap_up_s", "ready_s"] as const;
const WORDS: Record<(typeof PARTS)[number], Key> = {
  talk_s: "today.talk",
  hold_s: "today.hold",
  wrap_up_s: "today.wrap_up",
  ready_s: "state.ready",
};
const HEIGHT = 64;
const BAR = 7;

function Plot({ parts }: { parts: Quarter[] }) {
  const first = Date.parse(parts[0]!.begins);
  const last = Date.parse(parts[parts.length - 1]!.begins);
  const count = Math.round((last - first) / (QUARTER_S * 1000)) + 1;
  const talked = duration(parts.reduce((sum, part) => sum + part.figures.talk_s, 0));
  const name = t("today.plot", { from: timeOfDay(first), until: timeOfDay(last + QUARTER_S * 1000), talk: talked });
  return (
    <figure class="day-plot">
      <svg viewBox={`0 0 ${count * BAR} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={name}>
        {parts.map((part) => {
          const x = ((Date.parse(part.begins) - first) / (QUARTER_S * 1000)) * BAR;
          let top = HEIGHT;
          return PARTS.map((kind) => {
            const height = (Math.min(part.figures[kind], QUARTER_S) / QUARTER_S) * HEIGHT;
            top -= height;
            return height > 0 && <rect key={`${part.begins}.${kind}`} class={kind} x={x} y={top} width={BAR - 1} height={height} />;
          });
        })}
      </svg>
      <figcaption>
        {PARTS.map((kind) => (
          <span key={kind} class={`key ${kind}`}>
            {t(WORDS[kind])}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
