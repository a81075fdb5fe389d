// The sign-in card: who, which phone, does the microphone work, to work. With a session that is still good it asks
// only for the phone.

import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "../actions";
import { wasSignedOut } from "../desk";
import { label, language, setLanguage, t } from "../i18n";
import type { Commands } from "../protocol";
import { isSignedIn, signIn, SignInError, signOut, wantsIn } from "../session";
import { isLinked, isLoaded, sections, strip_note } from "../store";
import { SoundCheck } from "./SoundCheck";
import { Icon } from "./Icon";

/** `browser`, `desk`, `outside`, or the extension of a shared phone. */
type Phone = string;

const STORED = "ringdesk.phone";
const phone = signal<Phone>(localStorage.getItem(STORED) === "desk" ? "desk" : "browser");

const outsideNumber = signal("");

function choosePhone(next: Phone): void {
  phone.value = next;
  if (next === "browser" || next === "desk") localStorage.setItem(STORED, next); // another day one sits elsewhere
}

function seat(): Commands["agent.sign_in"] {
  const chosen = phone.value;
  if (chosen === "outside") return { phone: "outside", number: outsideNumber.value };
  return chosen === "browser" || chosen === "desk" ? { phone: chosen } : { phone: "shared", extension: chosen };
}

function words(error: unknown): string {
  if (!(error instanceof SignInError)) return t("sign_in.unreachable");
  if (error.id === "http_401" || error.id.includes("credentials") || error.id.includes("sign_in")) return t("sign_in.wrong");
  if (error.id === "http_429" || error.id.includes("many")) return t("sign_in.too_many");
  return error.message || t("sign_in.unreachable");
}

function PhoneChoice() {
  const extension = sections.me.value?.extension ?? "";
  const choices: [Phone, string, string][] = [
    ["browser", t("phone.browser_long"), t("phone.browser_hint")],
    ["desk", extension ? t("phone.desk_number", { number: extension }) : t("phone.desk_long"), t("phone.desk_hint")],
    ...(sections.me.value?.shared_phones ?? []).map((shared): [Phone, string, string] => [
      shared.extension,
      label(shared.label, "") || t("phone.shared", { number: shared.extension }),
      t("phone.shared_hint"),
    ]),
  ];
  const outside = sections.me.value?.outside_phone;
  if (outside) choices.push(["outside", t("phone.outside_long"), t("phone.outside_hint")]);
  return (
    <fieldset class="phone-choice">
      <legend>{t("sign_in.phone")}</legend>
      {choices.map(([value, name, hint]) => (
        <label key={value} class={phone.value === value ? "on" : ""}>
          <input type="radio" name="phone" value={value} checked={phone.value === value} onChange={() => choosePhone(value)} />
          <span>
            <b>{name}</b>
            <span class="faint">{hint}</span>
          </span>
        </label>
      ))}
      {outside && phone.value === "outside" && <OutsideNumber numbers={outside.numbers} />}
    </fieldset>
  );
}

/** The number of the phone outside: one of those the company knows, else the one he writes. */
function OutsideNumber({ numbers }: { numbers: string[] }) {
  useEffect(() => {
    if (numbers.length && !numbers.includes(outsideNumber.value)) outsideNumber.value = numbers[0] ?? "";
  }, [numbers]);
  const set = (event: { currentTarget: { value: string } }) => (outsideNumber.value = event.currentTarget.value);
  return (
    <label class="field">
      <span>{t("phone.outside_number")}</span>
      {numbers.length ? (
        <select name="outside_number" value={outsideNumber.value} onChange={set}>
          {numbers.map((number) => (
            <option key={number} value={number}>
              {number}
            </option>
          ))}
        </select>
      ) : (
        <input name="outside_number" type="tel" autocomplete="off" required value={outsideNumber.value} onInput={set} />
      )}
    </label>
  );
}

function LanguageChoice() {
  return (
    <div class="language-choice" role="group" aria-label={t("language.title")}>
      <button type="button" lang="en" aria-pressed={language.value === "en"} onClick={() => setLanguage("en")}>
        English
      </button>
      <button type="button" lang="zh-CN" aria-pressed={language.value === "zh"} onClick={() => setLanguage("zh")}>
        中文
      </button>
    </div>
  );
}

export function SignIn() {
  const login = useSignal("");
  const password = useSignal("");
  const problem = useSignal("");
  const isBusy = useSignal(false);
  // The fields stay while the card is being sent, though the session is good by then: nothing jumps.
  const isKnown = useSignal(isSignedIn.peek() === true);
  const known = isKnown.value;
  useEffect(() => {
    if (isSignedIn.value === false) isKnown.value = false;
  }, [isSignedIn.value]);
  const isLoggedOut = isLoaded.value && sections.agent.value?.state === "LOGGED_OUT";
  useEffect(() => {
    if (!wantsIn.value || !isLoggedOut || !isLinked.value) return;
    wantsIn.value = false;
    const isIn = () => sections.agent.value?.state !== "LOGGED_OUT";
    void ask("sign_in", "agent.sign_in", seat(), isIn).then((isDone) => {
      isBusy.value = false;
      if (!isDone) problem.value = strip_note.value;
    });
  }, [wantsIn.value, isLoggedOut, isLinked.value]);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy.value) return;
    problem.value = "";
    isBusy.value = true;
    wantsIn.value = true;
    try {
      if (isSignedIn.value !== true) await signIn(login.value.trim(), password.value);
    } catch (error) {
      wantsIn.value = false;
      problem.value = words(error);
      isBusy.value = false;
    }
  };
  return (
    <main class="card-page">
      <form class="card sign-in" onSubmit={(event) => void submit(event)}>
        <div class="card-head">
          <h1>ringdesk</h1>
          <LanguageChoice />
        </div>
        {wasSignedOut.value && !known && <p class="hint">{t("sign_in.expired")}</p>}
        {known ? (
          <p class="signed-in">
            <Icon name="person" /> {sections.me.value?.name ?? "…"}
            <button type="button" class="text-button" onClick={() => void signOut()}>
              {t("sign_in.somebody_else")}
            </button>
          </p>
        ) : (
          <>
            <label class="field">
              <span>{t("sign_in.login")}</span>
              <input
                name="login"
                autocomplete="username"
                autocapitalize="none"
                spellcheck={false}
                required
                autoFocus
                value={login.value}
                onInput={(event) => (login.value = event.currentTarget.value)}
              />
            </label>
            <label class="field">
              <span>{t("sign_in.password")}</span>
              <input
                name="password"
                type="password"
                autocomplete="current-password"
                required
                value={password.value}
                onInput={(event) => (password.value = event.currentTarget.value)}
              />
            </label>
          </>
        )}
        <PhoneChoice />
        {phone.value === "browser" ? <SoundCheck /> : <div class="sound-check"><p class="faint">{t(phone.value === "outside" ? "phone.outside_check" : "phone.desk_check")}</p></div>}
        <p class="card-problem problem" role="alert">
          {problem.value}
        </p>
        <button class={`button primary large ${isBusy.value ? "pending" : ""}`} aria-busy={isBusy.value || undefined}>
          {t("sign_in.go")}
        </button>
      </form>
    </main>
  );
}
