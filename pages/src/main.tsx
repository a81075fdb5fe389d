// The page: who is shown what.

import { render } from "preact";
import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import { Desktop } from "./components/Desktop";
import { DialCard } from "./components/DialCard";
import { Notice } from "./components/Notice";
import { SignIn } from "./components/SignIn";
import { shut, startDesk, takeOver } from "./desk";
import { dialLink, readDialLink } from "./dialLink";
import { watchFocus } from "./focus";
import { t } from "./i18n";
import { onKey } from "./keys";
import { isSignedIn, wantsIn } from "./session";
import { isLoaded, sections } from "./store";

// Nothing is said about waiting before it has lasted.
const isSlow = signal(false);
window.setTimeout(() => (isSlow.value = true), 300);

function App() {
  useEffect(() => {
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  if (dialLink.value) return <DialCard />;
  if (shut.value === "replaced") {
    return <Notice title={t("shut.replaced")} text={t("shut.replaced_text")} action={t("shut.take_over")} run={takeOver} />;
  }
  if (shut.value === "refused") {
    return <Notice title={t("shut.refused")} text={t("shut.refused_text")} action={t("shut.reload")} run={() => location.reload()} />;
  }
  if (isSignedIn.value === false) return <SignIn />;
  if (!isLoaded.value && wantsIn.value) return <SignIn />;
  if (isSignedIn.value && isLoaded.value) {
    return sections.agent.value?.state === "LOGGED_OUT" ? <SignIn /> : <Desktop />;
  }
  return isSlow.value ? <Notice title={t("link.connecting")} text={t("link.connecting_text")} /> : null;
}

watchFocus();
if (!readDialLink()) startDesk();
render(<App />, document.getElementById("app") as HTMLElement);
