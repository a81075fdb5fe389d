// Calling from elsewhere: what to press, to copy or to make, so that numbers on other pages and in programs call here.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { layer } from "../actions";
import { t } from "../i18n";
import { fresh, handlerBlocked, handleTelLinks, makeToken, problem, readTokens, revokeToken, snippet, tokens } from "../links";
import type { TokenRow } from "../links";
import { tame } from "../line";
import { When } from "./When";
import { useModal } from "./useModal";

export function Links() {
  return layer.value === "links" ? <Open /> : null;
}

function Open() {
  const box = useRef<HTMLDivElement>(null);
  useModal(box);
  useEffect(() => {
    void readTokens();
    return () => (fresh.value = "");
  }, []);
  const why = handlerBlocked();
  return (
    <div class="veil" onPointerDown={(event) => event.target === event.currentTarget && (layer.value = "")}>
      <div class="palette links" role="dialog" aria-modal="true" aria-labelledby="links-title" tabIndex={-1} ref={box}>
        <h2 id="links-title">{t("links.title")}</h2>
        <section>
          <h3>{t("links.tel")}</h3>
          <p class="faint">{t("links.tel_text")}</p>
          <button type="button" class="button" aria-disabled={why ? true : undefined} title={why || undefined} onClick={() => !why && handleTelLinks()}>
            {t("links.tel_button")}
          </button>
        </section>
        <section>
          <h3>{t("links.pages")}</h3>
          <p class="faint">{t("links.pages_text")}</p>
          <Copied text={snippet()} label={t("links.pages")} />
        </section>
        <section>
          <h3>{t("links.tokens")}</h3>
          <p class="faint">{t("links.tokens_text")}</p>
          {fresh.value && (
            <div role="status">
              <p>
                <b>{t("links.once")}</b>
              </p>
              <Copied text={fresh.value} label={t("links.token")} />
            </div>
          )}
          <ul class="token-list">
            {(tokens.value ?? []).map((token) => (
              <Row key={token.token_id} token={token} />
            ))}
          </ul>
          <NewToken />
        </section>
        <p class="problem" role="alert">
          {problem.value}
        </p>
        <button type="button" class="button" onClick={() => (layer.value = "")}>
          {t("dial_link.close")}
        </button>
      </div>
    </div>
  );
}

function Row({ token }: { token: TokenRow }) {
  const label = tame(token.label);
  return (
    <li>
      <span class="token-label">{label}</span>
      <span class="faint">
        {token.last_used_at ? (
          <>
            {t("links.used")} <When at={token.last_used_at} />
          </>
        ) : (
          t("links.unused")
        )}
      </span>
      <button type="button" class="text-button" aria-label={t("links.revoke_named", { label })} onClick={() => void revokeToken(token.token_id)}>
        {t("links.revoke")}
      </button>
    </li>
  );
}

function NewToken() {
  const label = useSignal("");
  const make = (event: Event) => {
    event.preventDefault();
    if (!label.value.trim()) return;
    void makeToken(label.value.trim()).then(() => {
      if (!problem.value) label.value = "";
    });
  };
  return (
    <form class="token-new" onSubmit={make}>
      <input
        aria-label={t("links.label")}
        placeholder={t("links.label")}
        maxLength={80}
        value={label.value}
        onInput={(event) => (label.value = event.currentTarget.value)}
      />
      <button class="button" aria-disabled={label.value.trim() ? undefined : true} title={label.value.trim() ? undefined : t("links.label_first")}>
        {t("links.make")}
      </button>
    </form>
  );
}

/** Something to be taken along, with a button that copies it. */
function Copied({ text, label }: { text: string; label: string }) {
  const isDone = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  const copy = () => {
    field.current?.select();
    void navigator.clipboard.writeText(text).then(
      () => (isDone.value = true),
      () => (isDone.value = document.execCommand("copy")), // a page without HTTPS has no clipboard
    );
  };
  return (
    <div class="copied">
      <input ref={field} class="figures" readOnly value={text} aria-label={label} onFocus={(event) => event.currentTarget.select()} />
      <button type="button" class="button" onClick={copy}>
        {isDone.value ? t("links.copied") : t("links.copy")}
      </button>
    </div>
  );
}
