// Joins service, phone and page while somebody is signed in: who starts the phone, when it rings, when it answers
// by itself, what the service is told.

import { effect, signal } from "@preact/signals";
import { answerOnArrival, layer, seeCall } from "./actions";
import { language, t } from "./i18n";
import { isMuted, localMute, phase, tame } from "./line";
import { endEcho } from "./echo";
import { watchHeadsets } from "./headsets";
import { CommandError } from "./link";
import { microphone, pluggedNews, reported, watchMicrophone } from "./microphone";
import { watchNotes } from "./notes";
import { isAway, isCalling, watchNotifications } from "./notify";
import { watchOutside } from "./outside";
import { watchPaint } from "./paint";
import { unsent } from "./quality";
import * as phone from "./phone";
import { prefilled, serveDialLinks } from "./dialLink";
import { forgetRecent } from "./directory";
import { expectNothing, isExpected } from "./reach";
import { CLOSE } from "./protocol";
import { second, seeSecond } from "./second";
import { askSession, isSignedIn, wantsIn } from "./session";
import { watchSurvival } from "./survival";
import * as sounds from "./sounds";
import { watchTickets } from "./tickets";
import { clearSections, isLinked, isLoaded, linkPhase, note, sections } from "./store";
import { tick } from "./time";
import { link } from "./wire";

/** Why the page shows no desk although somebody is signed in. */
export const shut = signal<"" | "replaced" | "refused">("");
/** Set when a session ended that the agent hadn't ended. */
export const wasSignedOut = signal(false);

const HOLD_REMINDER_S = 60;
const WAITING_BEEP_MS = 5_000;
const SPOKEN = ["talking", "conference", "consulting"];

export function startDesk(): void {
  watchSession();
  watchLink();
  watchPhone();
  watchSound();
  watchRing();
  watchDirectory();
  watchTitle();
  watchNotifications();
  watchOutside();
  watchMicrophone();
  watchHeadsets();
  watchNotes();
  watchTickets();
  watchPaint();
  watchSurvival();
  serveDialLinks();
  watchPrefilled();
  sounds.wakeOnGesture();
  void askSession();
}

/** Takes the desktop back from the place that took it. */
export function takeOver(): void {
  shut.value = "";
  link.start();
}

function watchSession(): void {
  effect(() => {
    if (isSignedIn.value) {
      wasSignedOut.value = false;
      link.start();
    } else if (isSignedIn.value === false) {
      link.stop();
      phone.stopPhone();
      forgetRecent();
      expectNothing();
      clearSections();
    }
  });
  effect(() => {
    if (sections.agent.value && sections.agent.value.state !== "LOGGED_OUT") wantsIn.value = false;
  });
  let spoken = language.peek();
  effect(() => {
    document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
    if (language.value !== spoken) link.restart();
    spoken = language.value;
  });
}

function watchLink(): void {
  effect(() => {
    const now = linkPhase.value;
    if (now.name !== "closed") return;
    if (now.code === CLOSE.signedOut) {
      wasSignedOut.value = true;
      isSignedIn.value = false;
    } else {
      shut.value = now.code === CLOSE.replaced ? "replaced" : "refused";
      phone.stopPhone();
    }
  });
}

function watchPhone(): void {
  effect(() => {
    const section = sections.phone.value;
    if (section?.kind === "browser" && section.sip) void phone.startPhone(section.sip);
    else if (section) phone.stopPhone();
  });
  // The service learns of the phone when it changes and after every reconnect.
  effect(() => {
    const state = phone.registration.value;
    const calls = [phone.phoneCall.value, phone.secondCall.value];
    const mic = reported(microphone.value);
    if (!isLinked.value || !mic || state === "off" || state === "elsewhere" || state === "connecting") return;
    const sessions = calls.flatMap((call) => (call?.callId ? [call.callId] : []));
    link.send({ type: "phone", registered: state === "registered", sessions, mic });
  });
  effect(() => {
    const call = sections.call.value;
    seeCall();
    if (call && call.state !== "ended" && phone.phoneCall.value) phone.nameCall(call.call_id);
    if (call && SPOKEN.includes(call.state)) phone.hearCall(call.call_id);
    if (localMute.value && call && (localMute.value.callId !== call.call_id || localMute.value.muted === call.muted)) {
      localMute.value = null;
    }
  });
  effect(() => {
    const value = second();
    seeSecond();
    if (value && phone.secondCall.value) phone.nameCall(value.call_id);
  });
  effect(() => {
    // A new session after a reload must be as mute as the old one was.
    if (phone.phoneCall.value?.stage === "up") phone.setPhoneMuted(isMuted.value);
  });
}

function watchSound(): void {
  phone.whenAnsweredEarly((call) => (answerOnArrival.value = call));
  phone.whenTalking(() => SPOKEN.includes(phase.peek()));
  // How calls sounded is told when there is somebody to tell it to; what is refused is not told again.
  let isTelling = false;
  effect(() => {
    const [next] = unsent.value;
    if (!next || isTelling || !isLinked.value) return;
    isTelling = true;
    link
      .command("phone.quality", next)
      .catch((error: unknown) => error instanceof CommandError && ["no_link", "link_lost"].includes(error.id))
      .then((isLost) => {
        isTelling = false;
        if (isLost !== true) unsent.value = unsent.peek().filter((each) => each !== next);
      });
  });
  effect(() => {
    const { gone, back } = pluggedNews.value;
    if (gone.length) note(t("device.gone_now", { name: gone.join(", ") }));
    else if (back.length) note(t("device.back_now", { name: back.join(", ") }));
  });
  // The test belongs to the panel: closed, it is over.
  effect(() => {
    if (layer.value !== "phone") endEcho();
  });
}

function watchRing(): void {
  effect(() => {
    const call = sections.call.value;
    if (!phone.isRinging.value) {
      sounds.stopRinging();
      return;
    }
    const isCommanded = phone.phoneCall.value !== null && isExpected(phone.phoneCall.value, call);
    const isAuto = isLinked.value && (call?.auto_answer === true || isCommanded);
    if (isAuto || (call && answerOnArrival.value === call.call_id)) {
      answerOnArrival.value = "";
      if (isCommanded) expectNothing();
      sounds.stopRinging();
      if (isAuto) sounds.beep();
      void phone.answerPhone().then((isAnswered) => {
        const isHeard = (call?.mute ?? "none") === "none";
        if (!isAnswered && isHeard && phone.isRinging.peek()) sounds.startRinging();
      });
    } else if (!call || call.mute === "none") {
      sounds.startRinging();
    }
  });
  let reminder = 0;
  effect(() => {
    window.clearInterval(reminder);
    if (phase.value === "on_hold") reminder = window.setInterval(sounds.holdReminder, HOLD_REMINDER_S * 1000);
  });
  // Who waits is heard in the headset, softly: the ring is for who is free.
  let waiting = 0;
  effect(() => {
    window.clearInterval(waiting);
    if (phone.secondCall.value?.stage !== "ringing") return;
    sounds.waitingBeep();
    waiting = window.setInterval(sounds.waitingBeep, WAITING_BEEP_MS);
  });
  // A call that begins closes what hides it; one that ends takes the keypad away.
  effect(() => {
    if (["ringing", "dialling", "consulting", "ended"].includes(phase.value)) layer.value = "";
  });
}

const NEED_DIRECTORY: (typeof layer.value)[] = ["dial", "transfer", "add", "parked", "palette"];

// The directory is live only for those who look at it: the service is told who does.
function watchDirectory(): void {
  let isWatched = false;
  effect(() => {
    const isWanted = NEED_DIRECTORY.includes(layer.value);
    if (!isLinked.value) isWatched = false;
    else if (isWanted !== isWatched) isWatched = link.send({ type: "watch", directory: isWanted }) && isWanted;
  });
}

// A number that came with the link by which this tab was opened: filled in once the agent sits at his desk.
function watchPrefilled(): void {
  effect(() => {
    if (prefilled.value && isLoaded.value && sections.agent.value?.state !== "LOGGED_OUT") layer.value = "dial";
  });
}

// A tab in the background says who calls in turn with its plain name: seen, and calm.
const TITLE_TURN_MS = 1_500;
const isStill = window.matchMedia("(prefers-reduced-motion: reduce)");

function watchTitle(): void {
  effect(() => {
    const call = sections.call.value;
    const who = tame(call?.caller_name || call?.number || phone.phoneCall.value?.number || "");
    const words: Partial<Record<typeof phase.value, string>> = {
      offered: t("title.ringing", { who }),
      ringing: t("title.ringing", { who }),
      dialling: t("title.ringing", { who }),
      talking: t("title.talking", { who }),
      consulting: t("title.on_hold", { who }),
      conference: t("title.talking", { who }),
      on_hold: t("title.on_hold", { who }),
    };
    const isTurned = isCalling.value && isAway.value && !isStill.matches && Math.floor(tick.value / TITLE_TURN_MS) % 2 === 1;
    document.title = (isTurned ? undefined : words[phase.value]) ?? "ringdesk";
  });
}
