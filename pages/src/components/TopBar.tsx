// The bar at the top: the agent's state, the phone, the palette, the queues, the language, who it is.

import { layer, reasonAction, signOutAction, strip } from "../actions";
import type { Action } from "../actions";
import { label, language, plural, setLanguage, t } from "../i18n";
import { askedNext, stateLabel } from "../labels";
import { breakNow, isOutcomeMissing } from "../line";
import { linkPhase, pending, sections } from "../store";
import { perform } from "../keys";
import { duration, relative, secondsSince, tick } from "../time";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import { PhoneStatus } from "./PhoneStatus";
import { link } from "../wire";

function Item({ action, name, detail }: { action: Action; name?: string; detail?: string }) {
  const why = action.blocked();
  return (
    <button
      type="button"
      role="menuitem"
      tabIndex={-1}
      aria-disabled={why ? true : undefined}
      aria-label={why ? `${name ?? action.label()}: ${why}` : undefined}
      title={why || undefined}
      data-action={action.id}
      onClick={() => {
        layer.value = "";
        perform(action);
      }}
    >
      <span>{name ?? action.label()}</span>
      {detail && <span class="faint">{detail}</span>}
      {action.key && <kbd>{action.key}</kbd>}
    </button>
  );
}

/** How long already; where it is too long, or soon will be, that instead. */
function StateTime({ since }: { since: string }) {
  const pause = breakNow.value;
  if (pause) {
    const time = duration(pause.seconds);
    const text = pause.kind === "late" ? t("break.late", { time }) : t("break.ending", { time });
    return (
      <span class={`overrun ${pause.kind}`}>{text}</span>
    );
  }
  if (!isOutcomeMissing.value) return <span class="figures">{duration(secondsSince(since))}</span>;
  return (
    <span class="overrun late">
      {t("wrap_up.overrun", { time: duration(secondsSince(sections.agent.value?.overrun_at ?? "")) })}
    </span>
  );
}

function AgentState() {
  const agent = sections.agent.value;
  if (!agent) return null;
  const isPending = pending.value.has("state");
  return (
    <div class="anchor">
      <button
        type="button"
        class={`state-button ${isPending ? "pending" : ""}`}
        data-state={agent.state}
        aria-haspopup="menu"
        aria-expanded={layer.value === "state"}
        aria-busy={isPending || undefined}
        title={t("agent.menu_hint")}
        onClick={() => (layer.value = layer.value === "state" ? "" : "state")}
      >
        <span class="dot" />
        <span class="state-word">{stateLabel(agent.state, agent.reason)}</span>
        <StateTime since={agent.since} />
        {askedNext.value && <span class="next-state">→ {askedNext.value}</span>}
        <Icon name="down" />
      </button>
      <Menu name="state" label={t("agent.menu")}>
        <Item action={strip.ready} />
        <div class="menu-head" role="presentation">{t("agent.not_ready_title")}</div>
        {agent.reasons.map((reason) => (
          <Item
            key={reason.name}
            action={reasonAction(reason.name)}
            name={label(reason.label, reason.name)}
            detail={reason.paid ? "" : t("agent.unpaid")}
          />
        ))}
        <hr />
        <Item action={signOutAction} />
      </Menu>
    </div>
  );
}

function LinkStatus() {
  const now = linkPhase.value;
  const exchange = sections.link.value;
  if (now.name === "waiting" || now.name === "connecting") {
    const seconds = now.name === "waiting" ? Math.max(0, Math.ceil((now.retryAt - tick.value) / 1000)) : 0;
    const text = seconds ? t("link.retry_in", { n: seconds }) : t("link.trying");
    return (
      <div class="link-status bad" title={text}>
        <Icon name="alert" />
        {/* The seconds count down for the eye alone. */}
        <span class="unseen" role="alert">
          {t("link.none")} {t("link.trying")}
        </span>
        <span aria-hidden="true">
          <b>{t("link.none")}</b> {text}
        </span>
        <button type="button" class="text-button" onClick={link.retryNow}>
          {t("link.now")}
        </button>
      </div>
    );
  }
  if (exchange?.switch === "down") {
    return (
      <div class="link-status bad" role="alert" title={exchange.text}>
        <Icon name="alert" />
        <span>
          <b>{t("link.switch_down")}</b> {exchange.text}
        </span>
      </div>
    );
  }
  if (exchange?.text) {
    return (
      <div class="link-status bad" role="alert" title={exchange.text}>
        <Icon name="alert" />
        <span>
          <b>{t("link.alarm")}</b> {exchange.text}
        </span>
      </div>
    );
  }
  return (
    <button type="button" class="link-status search" onClick={() => (layer.value = "palette")} title={t("palette.hint")} aria-keyshortcuts="Control+K" aria-haspopup="dialog">
      <Icon name="search" />
      <span>{t("palette.open")}</span>
      <kbd>Ctrl K</kbd>
    </button>
  );
}

function Queues() {
  const queues = sections.queues.value ?? [];
  return (
    <div class="queues" role="group" aria-label={t("queues.title")}>
      {queues.slice(0, 4).map((queue) => {
        const longest = queue.longest_since ? t("queues.longest", { time: duration(secondsSince(queue.longest_since)) }) : "";
        const title = [plural("queues.waiting_one", "queues.waiting", queue.waiting), longest, t("queues.ready", { n: queue.ready })];
        return (
          <span key={queue.name} class={queue.waiting ? "queue busy" : "queue"} title={title.filter(Boolean).join(" · ")}>
            <span class="queue-name">{label(queue.label, queue.name)}</span> <b class="figures">{queue.waiting}</b>
          </span>
        );
      })}
    </div>
  );
}

function Me() {
  const me = sections.me.value;
  if (!me) return null;
  return (
    <div class="anchor">
      <button
        type="button"
        class="quiet-button me"
        aria-label={me.name}
        aria-haspopup="menu"
        aria-expanded={layer.value === "user"}
        onClick={() => (layer.value = layer.value === "user" ? "" : "user")}
      >
        <Icon name="person" />
        <span class="me-name">{me.name}</span>
        <Icon name="down" />
      </button>
      <Menu name="user" label={me.name} class="right">
        <div class="menu-head">{t("me.staff_number", { number: me.staff_number })}</div>
        <button type="button" role="menuitem" tabIndex={-1} onClick={() => (layer.value = "keys")}>
          <span>{t("keys.title")}</span>
          <kbd>?</kbd>
        </button>
        <button type="button" role="menuitem" tabIndex={-1} onClick={() => (layer.value = "links")}>
          <span>{t("links.title")}</span>
        </button>
        <hr />
        <Item action={signOutAction} />
      </Menu>
    </div>
  );
}

export function TopBar() {
  const other = language.value === "zh" ? "en" : "zh";
  return (
    <header class="top-bar">
      <h1 class="brand" title={relative(sections.me.value?.server_time ?? new Date().toISOString())}>
        ringdesk
      </h1>
      <AgentState />
      <PhoneStatus />
      <LinkStatus />
      <Queues />
      <button type="button" class="quiet-button language" lang={other} title={t("language.switch")} onClick={() => setLanguage(other)}>
        {other === "zh" ? "中文" : "EN"}
      </button>
      <Me />
    </header>
  );
}
