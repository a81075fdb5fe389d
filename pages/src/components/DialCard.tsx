// What a link of another page opens: the number, and the question whether it is to be called.

import type { ComponentChildren } from "preact";
import { startDesk } from "../desk";
import { callFromLink, dialLink, openHere } from "../dialLink";
import { t } from "../i18n";

// The attribute would count at the page's load alone; the second button comes later.
const focus = (button: HTMLButtonElement | null) => button?.focus();

export function DialCard() {
  const asked = dialLink.value;
  if (!asked) return null;
  const { number, stage, why } = asked;
  if (!number) {
    return (
      <Card title={t("dial_link.none")}>
        <p>{t("dial_link.none_text")}</p>
        <Close />
      </Card>
    );
  }
  if (stage === "sent") {
    return (
      <Card title={t("dial_link.sent", { number })}>
        <p>{t("dial_link.sent_text")}</p>
        <Close />
      </Card>
    );
  }
  return (
    <Card title={t("dial_link.question", { number })}>
      {stage === "alone" ? <p role="alert">{t("dial_link.alone")}</p> : <p>{t("dial_link.hint")}</p>}
      <p class="card-problem problem" role="alert">
        {why}
      </p>
      <div class="card-buttons">
        {stage === "alone" ? (
          <button key="open" type="button" ref={focus} class="button primary" onClick={() => openHere(startDesk)}>
            {t("dial_link.open")}
          </button>
        ) : (
          <button key="call" type="button" ref={focus} class="button primary" aria-busy={stage === "sending" || undefined} onClick={callFromLink}>
            {t("reach.call")}
          </button>
        )}
        <Close />
      </div>
    </Card>
  );
}

function Card({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <main class="card-page">
      <section class="card" aria-labelledby="dial-title">
        <h1 id="dial-title" class="figures">
          {title}
        </h1>
        {children}
      </section>
    </main>
  );
}

function Close() {
  return (
    <button type="button" class="button" onClick={() => window.close()}>
      {t("dial_link.close")}
    </button>
  );
}
