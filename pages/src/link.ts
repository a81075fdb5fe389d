// The socket to the service. It keeps the cursor (boot, seq), hands whole sections on, and knows what to do
// when something is missing: a gap, a dead socket, a service that answers no more.
//
// It never folds events and never repeats a command by itself: a command whose answer was lost is reported as
// such, and the sections that come after the reconnect tell what became of it.

import { newId } from "./ids";
import { CLOSE } from "./protocol";
import type { CommandName, Commands, FromServer, SectionName, Sections, ToServer } from "./protocol";

export type LinkPhase =
  | { name: "connecting"; attempt: number }
  | { name: "up" }
  | { name: "waiting"; attempt: number; retryAt: number }
  | { name: "closed"; code: number };

/** A command that was refused, or whose fate is unknown (`link_lost`, `timeout`). */
export class CommandError extends Error {
  constructor(
    readonly id: string,
    message: string,
    readonly values: Record<string, string> = {},
  ) {
    super(message);
  }
}

export interface LinkEvents {
  phase(phase: LinkPhase): void;
  snapshot(sections: Sections): void;
  update(section: SectionName, value: Sections[SectionName]): void;
}

interface Waiting {
  resolve(): void;
  reject(error: CommandError): void;
  timer: number;
}

const COMMAND_TIMEOUT_MS = 8_000;
const OPEN_TIMEOUT_MS = 6_000;
/** Once the service has pinged, silence longer than this means that it is dead or frozen. */
const SILENCE_TIMEOUT_MS = 30_000;
const FIRST_WINDOW_MS = 1_000;
const LAST_WINDOW_MS = 10_000;
const OWN_CLOSE = 4900; // ours, so that a log of the server tells it from its own codes

export class DesktopLink {
  private socket: WebSocket | null = null;
  private boot: string | null = null;
  private seq = 0;
  private gaps = 0;
  private attempt = 0;
  private timer = 0;
  private silence = 0;
  private stopped = true;
  /** Tells this tab from others of the browser; a reload is another one. */
  private readonly page = newId();
  private readonly waiting = new Map<string, Waiting>();

  constructor(
    private readonly url: string,
    private readonly language: () => string,
    private readonly events: LinkEvents,
  ) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.attempt = 0;
    this.open();
  }

  /** Closes for good; `start` begins again with a fresh snapshot. */
  stop(): void {
    this.stopped = true;
    this.forget();
    window.clearTimeout(this.timer);
    this.drop(1000);
  }

  /** Asks for a whole snapshot by a new connection (the language changed). */
  restart(): void {
    if (this.stopped) return;
    this.forget();
    this.reconnect();
  }

  readonly retryNow = (): void => {
    if (this.stopped || this.socket) return;
    window.clearTimeout(this.timer);
    this.open();
  };

  /** Over a new socket at once, with the cursor: the present one may be dead without having said so. */
  renew(): void {
    if (this.socket) this.reconnect();
    else this.retryNow();
  }

  get isUp(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  send(message: ToServer): boolean {
    if (!this.isUp) return false;
    this.socket?.send(JSON.stringify(message));
    return true;
  }

  command<N extends CommandName>(name: N, args: Commands[N], timeout = COMMAND_TIMEOUT_MS): Promise<void> {
    const id = newId();
    return new Promise((resolve, reject) => {
      if (!this.send({ type: "command", id, name, args })) {
        reject(new CommandError("no_link", "no link to the service"));
        return;
      }
      const timer = window.setTimeout(() => {
        this.waiting.delete(id);
        reject(new CommandError("timeout", "the service did not answer"));
      }, timeout);
      this.waiting.set(id, { resolve, reject, timer });
    });
  }

  private open(): void {
    this.attempt += 1;
    this.events.phase({ name: "connecting", attempt: this.attempt });
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.timer = window.setTimeout(() => this.reconnect(), OPEN_TIMEOUT_MS);
    socket.onopen = () => {
      window.clearTimeout(this.timer);
      this.send({ type: "hello", boot: this.boot, seq: this.seq, language: this.language(), page: this.page });
      // With a cursor that is still held and nothing missed the service has nothing to say: we are up already.
      if (this.boot !== null) this.up();
    };
    socket.onmessage = (event) => this.received(JSON.parse(String(event.data)) as FromServer);
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.code);
    };
  }

  private up(): void {
    this.attempt = 0;
    this.events.phase({ name: "up" });
  }

  private received(message: FromServer): void {
    if (this.silence) this.watchSilence();
    switch (message.type) {
      case "snapshot":
        this.boot = message.boot;
        this.seq = message.seq;
        this.gaps = 0;
        this.events.snapshot(message.sections);
        this.up();
        return;
      case "update":
        this.updated(message);
        return;
      case "result":
        this.answered(message);
        return;
      case "ping":
        this.send({ type: "pong", t: message.t });
        this.watchSilence();
        return;
    }
  }

  private updated(message: FromServer & { type: "update" }): void {
    if (message.boot === this.boot && message.seq <= this.seq) return; // seen already
    if (message.boot !== this.boot || message.seq !== this.seq + 1) {
      this.gaps += 1;
      if (this.gaps > 1) this.forget(); // asked once with the cursor in vain
      this.reconnect();
      return;
    }
    this.gaps = 0;
    this.seq = message.seq;
    this.events.update(message.section, message.value);
  }

  private answered(message: FromServer & { type: "result" }): void {
    const waiting = this.waiting.get(message.id);
    if (!waiting) return;
    this.waiting.delete(message.id);
    window.clearTimeout(waiting.timer);
    if (message.ok) waiting.resolve();
    else waiting.reject(new CommandError(message.error.id, message.error.message, message.error.values));
  }

  private watchSilence(): void {
    window.clearTimeout(this.silence);
    this.silence = window.setTimeout(() => this.reconnect(), SILENCE_TIMEOUT_MS);
  }

  private forget(): void {
    this.boot = null;
    this.seq = 0;
  }

  private reconnect(): void {
    this.drop(OWN_CLOSE);
    this.lost(OWN_CLOSE);
  }

  private drop(code: number): void {
    const socket = this.socket;
    this.socket = null;
    window.clearTimeout(this.silence);
    this.silence = 0;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(code);
    }
    for (const waiting of this.waiting.values()) {
      window.clearTimeout(waiting.timer);
      waiting.reject(new CommandError("link_lost", "the link was lost before the answer came"));
    }
    this.waiting.clear();
  }

  private lost(code: number): void {
    window.clearTimeout(this.timer);
    this.drop(OWN_CLOSE);
    if (this.stopped) return;
    const final: number[] = [CLOSE.signedOut, CLOSE.origin, CLOSE.badMessage, CLOSE.replaced];
    if (final.includes(code)) {
      this.stopped = true;
      this.forget();
      this.events.phase({ name: "closed", code });
      return;
    }
    // Spread out: a thousand pages lose a restarted service in the same instant.
    const attempt = this.attempt;
    const window_ms = Math.min(LAST_WINDOW_MS, FIRST_WINDOW_MS * 2 ** Math.max(0, attempt - 1));
    const delay = code === OWN_CLOSE && attempt === 0 ? 0 : 100 + Math.random() * window_ms;
    this.events.phase({ name: "waiting", attempt, retryAt: Date.now() + delay });
    this.timer = window.setTimeout(() => this.open(), delay);
  }
}
