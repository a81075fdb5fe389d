// What colleagues say to each other about a ticket: the customer never hears of it.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { tame } from "../line";
import type { TicketSection } from "../protocol";
import { isLinked, pending } from "../store";
import { addComment } from "../tickets";
import { When } from "./When";

export function Comments({ ticket, place }: { ticket: TicketSection; place: string }) {
  const text = useSignal("");
  const list = useRef<HTMLOListElement>(null);
  const isPending = pending.value.has(`ticket.${ticket.ticket_id}.comment`);
  useEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight; // the newest is at the end
  }, [ticket.ticket_id, ticket.comments.length]);
  const why = !isLinked.value ? t("why.no_link") : text.value.trim() ? "" : t("why.nothing_written");
  const send = () => {
    const sent = text.value;
    if (!why && !isPending) void addComment(ticket, sent).then((isDone) => isDone && text.peek() === sent && (text.value = ""));
  };
  return (
    <div class="comments">
      <ol ref={list} aria-label={t("comments.title")}>
        {ticket.comments.length === 0 && <li class="teach">{t("comments.teach")}</li>}
        {ticket.comments.map((comment) => (
          <li key={comment.comment_id}>
            <span class="comment-head">
              <bdi>{tame(comment.author)}</bdi> <When at={comment.at} isShort />
            </span>
            <p dir="auto">{comment.text}</p>
          </li>
        ))}
      </ol>
      <div class="comment-new">
        <textarea
          id={`${place}-comment`}
          rows={2}
          maxLength={5_000}
          aria-label={t("comments.write")}
          placeholder={t("comments.placeholder")}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || !event.ctrlKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
        <button type="button" class={`button small ${isPending ? "pending" : ""}`} aria-disabled={why ? true : undefined} title={why || "Ctrl Enter"} onClick={send}>
          {t("comments.send")}
        </button>
      </div>
    </div>
  );
}
