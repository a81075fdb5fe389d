// Messages from supervisors, and, for who may send them, a line to write one. They come without a sound and cover nothing.

import { useSignal } from "@preact/signals";
import { readMessage, sendMessage } from "../day";
import { plural, t } from "../i18n";
import type { Key } from "../i18n";
import { tame } from "../line";
import type { ReceivedMessage, SentMessage } from "../protocol";
import { isLinked, pending, sections } from "../store";
import { Clock } from "./When";

export function MessagesTab() {
  const messages = sections.messages.value;
  return (
    <div class="day-lists">
      {messages?.may_send && <Compose teams={messages.teams} />}
      <section class="day-list">
        <h3>{t("messages.received")}</h3>
        {messages && messages.received.length > 0 ? (
          <ul>{messages.received.map((each) => <Received key={each.message_id} message={each} />)}</ul>
        ) : (
          <p class="teach">{t("messages.teach")}</p>
        )}
      </section>
      {messages && messages.sent.length > 0 && (
        <section class="day-list">
          <h3>{t("messages.sent")}</h3>
          <ul>{messages.sent.map((each) => <Sent key={each.message_id} message={each} />)}</ul>
        </section>
      )}
    </div>
  );
}

const AUDIENCE: Record<ReceivedMessage["audience"], Key> = {
  agent: "messages.to_you",
  team: "messages.to_team",
  all: "messages.to_all",
};

function Received({ message }: { message: ReceivedMessage }) {
  const isPending = pending.value.has(`message.read.${message.message_id}`);
  return (
    <li class={message.is_read ? "message" : "message unread"} data-message={message.message_id}>
      <bdi class="message-text">{tame(message.text)}</bdi>
      <span class="message-meta faint">
        <span>{tame(message.by)}</span>
        <span>{t(AUDIENCE[message.audience])}</span>
        <Clock at={message.at} />
      </span>
      <button
        type="button"
        class={`button small ${isPending ? "pending" : ""}`}
        aria-disabled={message.is_read || !isLinked.value ? true : undefined}
        title={message.is_read ? t("messages.is_read") : undefined}
        onClick={() => !message.is_read && isLinked.value && readMessage(message.message_id)}
      >
        {t("messages.read")}
      </button>
    </li>
  );
}

function Sent({ message }: { message: SentMessage }) {
  const to = message.audience === "all" ? t("messages.all") : tame(message.to);
  const missing = message.unread_by.map(tame).join(", ");
  return (
    <li class="message">
      <bdi class="message-text">{tame(message.text)}</bdi>
      <span class="message-meta faint">
        <bdi>{to}</bdi>
        <span class="figures" title={missing && t("messages.unread_by", { names: missing })}>
          {t("messages.receipts", { read: message.read, n: message.recipients })}
        </span>
        <Clock at={message.at} />
      </span>
    </li>
  );
}

const MOST = 500;

function Compose({ teams }: { teams: string[] }) {
  const audience = useSignal("all");
  const extension = useSignal("");
  const text = useSignal("");
  const isToOne = audience.value === "agent";
  const isEmpty = !text.value.trim() || (isToOne && !extension.value.trim());
  const why = !isLinked.value ? t("why.no_link") : isEmpty ? t("messages.write_first") : "";
  const isPending = pending.value.has("message.send");
  const send = async () => {
    if (why || isPending) return;
    const team = audience.value.startsWith("team:") ? audience.value.slice(5) : "";
    const kind = isToOne ? "agent" : team ? "team" : "all";
    if (await sendMessage(kind, isToOne ? extension.value.trim() : team, text.value)) text.value = "";
  };
  return (
    <form
      class="promise-form"
      aria-label={t("messages.compose")}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <h3>{t("messages.compose")}</h3>
      <div class="promise-fields">
        <select aria-label={t("messages.to")} value={audience.value} onChange={(event) => (audience.value = event.currentTarget.value)}>
          <option value="all">{t("messages.all")}</option>
          <option value="agent">{t("messages.one")}</option>
          {teams.map((team) => (
            <option key={team} value={`team:${team}`}>
              {t("messages.team", { name: tame(team) })}
            </option>
          ))}
        </select>
        <input
          value={extension.value}
          inputMode="numeric"
          size={6}
          maxLength={5}
          disabled={!isToOne}
          aria-label={t("promise.hand_extension")}
          placeholder={t("promise.hand_extension")}
          onInput={(event) => (extension.value = event.currentTarget.value)}
        />
      </div>
      <div class="promise-fields">
        <input
          value={text.value}
          maxLength={MOST}
          aria-label={t("messages.text")}
          placeholder={t("messages.text")}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
        <button type="submit" class={`button small ${isPending ? "pending" : ""}`} aria-disabled={why ? true : undefined} title={why}>
          {t("messages.send")}
        </button>
      </div>
      <p class="faint figures">{plural("messages.left_one", "messages.left_other", MOST - text.value.length)}</p>
    </form>
  );
}
