// The echo test: the browser phone calls the exchange's echo, and the agent hears himself as a caller would. It is no call:
// it has no number, stands in no figure, and ends when a call comes.

import { signal } from "@preact/signals";
import type { UA } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import { closeStream, openMicrophone } from "./microphone";

export type EchoStage = "off" | "calling" | "up" | "failed";

/** What the dialplan answers by itself (docs/dialplan.md). */
const ECHO = "*43";
const LONGEST_MS = 60_000;

export const echo = signal<EchoStage>("off");
/** What comes back, to be looked at. */
export const returned = signal<MediaStream | null>(null);

let session: RTCSession | null = null;
let stream: MediaStream | null = null;
let limit = 0;

interface Line {
  /** Plays what comes back, and measures the connection. */
  hear(connection: RTCPeerConnection): void;
  ready(session: RTCSession): void;
  over(): void;
}

let line: Line | null = null;

/** Calls the echo; without a microphone it doesn't, and `microphone` says why. */
export async function startEcho(agent: UA, host: string, how: Line): Promise<void> {
  if (session || echo.value === "calling") return;
  echo.value = "calling";
  const sound = await openMicrophone();
  if (!sound || echo.peek() !== "calling") {
    closeStream(sound);
    if (echo.peek() === "calling") echo.value = "off";
    return;
  }
  stream = sound;
  line = how;
  const made = agent.call(`sip:${ECHO}@${host}`, {
    mediaStream: sound,
    pcConfig: { iceServers: [] },
    mediaConstraints: { audio: true, video: false },
  });
  session = made;
  how.ready(made);
  if (made.connection) listen(made.connection);
  else made.on("peerconnection", ({ peerconnection }) => listen(peerconnection));
  made.on("confirmed", () => session === made && (echo.value = "up"));
  made.on("ended", () => over(made, "off"));
  made.on("failed", () => over(made, "failed"));
  limit = window.setTimeout(endEcho, LONGEST_MS);
}

function listen(connection: RTCPeerConnection): void {
  connection.addEventListener("track", (event) => {
    returned.value = event.streams[0] ?? new MediaStream([event.track]);
  });
  line?.hear(connection);
}

/** Ends it, whatever it is at. */
export function endEcho(): void {
  const one = session;
  if (!one) {
    echo.value = "off";
    return;
  }
  over(one, "off");
  if (!one.isEnded()) one.terminate();
}

function over(which: RTCSession, stage: EchoStage): void {
  if (session !== which) return;
  window.clearTimeout(limit);
  session = null;
  closeStream(stream);
  stream = null;
  returned.value = null;
  echo.value = stage;
  line?.over();
}
