// The messages between this page and the service; docs/desktop-protocol.md says what they mean.
// Instants are ISO 8601 in UTC. Nothing here does anything.

export type Labels = Record<string, string>;

export interface Me {
  user_id: string;
  name: string;
  staff_number: string;
  extension: string;
  role: string;
  language: "en" | "zh";
  server_time: string;
  permissions: string[];
  /** Desk phones at which anybody may sign in. */
  shared_phones: { extension: string; label: Labels }[];
  /** Where he may take calls outside: the numbers to choose from, none: any. Null: nowhere. */
  outside_phone: { numbers: string[] } | null;
  queue_labels: Record<string, Labels>;
  /** To which he can send his caller. */
  call_menus: OfferedMenu[];
  /** The company's: a callback is promised for a time there. */
  time_zone: string;
}

export interface SipAccount {
  url: string;
  uri: string;
  user: string;
  password: string;
  realm: string;
}

export interface PhoneSection {
  kind: "browser" | "desk" | "outside" | null;
  endpoint: string | null;
  state: "unavailable" | "idle" | "ringing" | "in_use" | "on_hold" | "unknown";
  sip: SipAccount | null;
}

export type AgentStateName =
  | "LOGGED_OUT"
  | "READY"
  | "RESERVED"
  | "RINGING"
  | "TALKING"
  | "WRAP_UP"
  | "NOT_READY";

export interface Reason {
  name: string;
  label: Labels;
  paid: boolean;
}

export interface AgentSection {
  state: AgentStateName;
  reason: string;
  since: string;
  next_state: string;
  next_reason: string;
  /** What kind of call it is while he talks. */
  kind: "" | "queue" | "direct" | "internal" | "outbound" | "consult" | "transfer";
  until: string | null;
  reasons: Reason[];
  queues: string[];
  notice: string;
  /** From when on he is warned that his break ends, and when it should; null: no limit. */
  warn_at: string | null;
  late_at: string | null;
  /** Since when he is late, or kept in wrap-up because an outcome isn't named. */
  overrun_at: string | null;
  extensions_left: number | null;
}

/** What can be done with a call; the service says of each whether it can. */
export type CallAction =
  | "answer"
  | "decline"
  | "hang_up"
  | "hold"
  | "retrieve"
  | "mute"
  | "pause_recording"
  | "send_digits"
  | "transfer"
  | "consult"
  | "complete"
  | "cancel"
  | "conference"
  | "add_party"
  | "drop_party"
  | "park"
  | "move"
  | "menu"
  | "fetch_back";

export type CallState =
  | "offered"
  | "ringing"
  | "dialling"
  | "talking"
  | "on_hold"
  | "consulting"
  | "conference"
  | "agent_lost"
  | "transferring"
  | "parked"
  | "ended";

/** Where a call can be sent; the service checks each form again. */
export interface Target {
  kind: "agent" | "queue" | "menu" | "outside" | "parking";
  value: string;
  /** Which of the agent's numbers somebody outside is to see. */
  caller_id?: string;
}

/** Whom the agent speaks with, or rings, while the caller is on hold. */
export interface Consult {
  state: "ringing" | "waiting" | "talking";
  target: string;
  label: string;
}

/** A menu during a call; from one that doesn't come back the call ends. */
export interface OfferedMenu {
  name: string;
  label: Labels;
  comes_back: boolean;
}

/** The menu into which the caller was sent last; no result: he is in it. */
export interface CallMenu {
  name: string;
  since: string;
  /** The agent has the line, and the caller isn't back. */
  waiting: boolean;
  result: string;
  /** PINs that were heard. */
  tries: number;
  answers: { label: string; digits: string }[];
}

export interface PartyRow {
  endpoint: string;
  label: string;
}

export interface CallSection {
  call_id: string;
  token: string;
  state: CallState;
  direction: "inbound" | "outbound" | "internal";
  queue: string;
  queue_label: Labels;
  number: string;
  number_place: string;
  number_masked: boolean;
  can_reveal: boolean;
  caller_name: string;
  menu_path: string[];
  digits: string;
  waited_s: number;
  chosen_at: string;
  ringing_since: string | null;
  connected_at: string | null;
  held_at: string | null;
  ended_at: string | null;
  muted: boolean;
  recording: "off" | "on" | "paused";
  auto_answer: boolean;
  /** The call is made for somebody who asked to be called back. */
  callback?: { requested_at: string; attempt: number } | null;
  consult: Consult | null;
  parties: PartyRow[];
  /** The parking place where the caller waits. */
  slot: string;
  /** Which colleague brought the caller here, and how. */
  sent_by: { name: string; how: "transfer" | "parked" | "consult" | "added" } | null;
  menu: CallMenu | null;
  /** What the pop shows, in this order (docs/pop.md). */
  fields: string[];
  /** ring: the page doesn't ring; all: nor does anything else call the agent to it. */
  mute: "none" | "ring" | "all";
  /** What can be done with the call: empty, or why not, in words. */
  can: Record<CallAction, string>;
}

/** Another call at the agent's phones: it waits, or he has put it aside. */
export interface SecondSection {
  call_id: string;
  state: "waiting" | "on_hold" | "talking";
  kind: string;
  since: string;
  /** Who is at its other end, or who asks; empty: not known. */
  name: string;
  /** Masked. */
  number: string;
  queue: string;
  queue_label: Labels;
  /** Why it can't be accepted, or taken back, now; empty: it can. */
  accept: string;
  decline: string;
}

export interface HistoryRow {
  call_id: string;
  at: string;
  direction: string;
  queue: string;
  outcome: string;
  duration_s: number;
  agent: string;
  recording_id: string | null;
  /** What its agent named as the outcome. */
  disposition: string;
  disposition_label: Labels;
}

export interface Customer {
  id: number;
  name: string;
  company: string;
  group: string;
  note: string;
  is_provisional: boolean;
  warning: { text: string; by: string; at: string | null } | null;
}

export type LastContact = { at: string; outcome: string; agent: string } | null;

export interface CustomerSection {
  match: "known" | "maybe" | "none";
  customer: Customer | null;
  candidates: { id: number; name: string; company: string; last: LastContact }[];
  history: HistoryRow[];
  open_tickets: OpenTicket[];
  /** The file was made for this call alone. */
  is_file_of_call: boolean;
  /** There is a number by which a customer could be found again. */
  has_number: boolean;
}

/** An answer to a search. */
export interface FoundCustomer {
  id: number;
  name: string;
  company: string;
  group: string;
  /** Masked. */
  numbers: string[];
  last: LastContact;
}

/** The colleague at the other end of an internal call; no state: he takes no calls. */
export interface ColleagueCard {
  user_id: string;
  name: string;
  staff_number: string;
  extension: string;
  team: string;
  state: AgentStateName | "";
  kind: string;
  since: string;
}

export interface OutsidePage {
  call_id: string;
  url: string;
  label: Labels;
  place: "frame" | "tab";
  opens: "click" | "offer" | "answer";
}

/** The pop that was withdrawn last. */
export interface Gone {
  call_id: string;
  at: string;
  why: "taken" | "hung_up" | "missed" | "elsewhere";
  who: string;
}

export interface OpenTicket {
  ticket_id: number;
  subject: string;
  created_at: string;
}

export interface TimelineRow {
  at: string;
  what: string;
  text: string;
  recording_id: string | null;
}

export type TicketStatus = "open" | "pending" | "closed";
export type Priority = "low" | "normal" | "high" | "urgent";

/** A field of the company's own, and what stands in it; empty: nothing. */
export interface TicketField {
  name: string;
  label: Labels;
  kind: "text" | "number" | "choice" | "date" | "yes_no";
  choices: { name: string; label: Labels }[];
  is_required: boolean;
  value: string;
}

export interface CommentRow {
  comment_id: number;
  author: string;
  at: string;
  text: string;
}

export interface TicketSection {
  ticket_id: number;
  customer_name: string;
  subject: string;
  status: TicketStatus;
  category: string;
  priority: Priority;
  group: string;
  owner_id: string;
  owner: string;
  due_at: string | null;
  created_at: string;
  note: string;
  /** Of the note. */
  version: number;
  /** Of everything else. */
  revision: number;
  disposition: string;
  dispositions: string[];
  disposition_labels: Record<string, Labels>;
  fields: TicketField[];
  comments: CommentRow[];
  /** The call came to it by attaching: it can be taken off again. */
  is_attached: boolean;
  open_tickets: OpenTicket[];
  timeline: TimelineRow[];
}

export interface ListedTicket {
  ticket_id: number;
  subject: string;
  status: TicketStatus;
  priority: Priority;
  group: string;
  owner_id: string;
  owner: string;
  due_at: string | null;
  created_at: string;
  customer_name: string;
  revision: number;
}

export type TicketView = "mine" | "group" | "due" | "search";

/** The list that the page looks at, as far as it asked. */
export interface TicketList {
  view: TicketView;
  question: string;
  rows: ListedTicket[];
  total: number;
  has_more: boolean;
  counts: { mine: number; group: number; due: number };
}

export interface CannedText {
  name: string;
  text: string;
  is_own: boolean;
}

/** What is needed to show and change tickets. */
export interface TicketForm {
  groups: { name: string; label: Labels; is_mine: boolean; needs_note: boolean }[];
  categories: { name: string; label: Labels }[];
  people: { agent_id: string; name: string }[];
  texts: CannedText[];
}

export interface QueueRow {
  name: string;
  label: Labels;
  waiting: number;
  longest_since: string | null;
  ready: number;
}

export interface Team {
  members: number;
  calls: number;
  talk_s: number;
  hold_s: number;
  wrap_up_s: number;
  occupancy: number | null;
}

export interface Today {
  calls: number;
  talk_s: number;
  hold_s: number;
  wrap_up_s: number;
  missed: number;
  occupancy: number | null;
  /** A head of those of one's team who worked today; null: fewer than three. */
  team: Team | null;
}

/** One number's missed calls; `call_id` names the entry. */
export interface MissedRow {
  call_id: string;
  number: string;
  place: string;
  name: string;
  count: number;
  first_at: string;
  last_at: string;
  queue: string;
  queue_label: Labels;
  agents: string[];
  phones: string[];
  voicemail: boolean;
  taken_by: string;
  taken_name: string;
  tries: number;
  last_try: string;
  last_try_at: string | null;
  last_try_by: string;
  closed_at: string | null;
  how: "" | "got_through" | "called_back" | "by_hand";
  closed_by: string;
  result: string;
  result_label: Labels;
}

/** A callback that an agent promised. */
export interface PromiseRow {
  call_id: string;
  due_at: string;
  is_due: boolean;
  made_at: string;
  made_by: string;
  keeper: string;
  keeper_id: string;
  is_signed_out: boolean;
  queue: string;
  queue_label: Labels;
  number: string;
  place: string;
  name: string;
  text: string;
}

/** A callback that a caller asked a queue for. */
export interface StandingRow {
  call_id: string;
  queue: string;
  queue_label: Labels;
  number: string;
  stage: string;
  requested_at: string;
  due_at: string;
  expires_at: string;
  attempts: number;
}

export interface ReceivedMessage {
  message_id: string;
  at: string;
  by: string;
  audience: "agent" | "team" | "all";
  text: string;
  is_read: boolean;
}

export interface SentMessage {
  message_id: string;
  at: string;
  audience: "agent" | "team" | "all";
  to: string;
  text: string;
  recipients: number;
  read: number;
  unread_by: string[];
}

export interface LinkSection {
  switch: "up" | "down";
  text: string;
}

export interface Colleague {
  name: string;
  extension: string;
  state: AgentStateName;
  kind: string;
  since: string;
  /** A call for him waits while he talks. */
  waits: boolean;
}

/** Comes only while the page asks for it (`watch`). */
export interface Directory {
  colleagues: Colleague[];
  queues: { name: string; label: Labels; waiting: number; ready: number }[];
  /** Whether numbers outside may be dialled. */
  outside: boolean;
  /** What this agent may show outside, his default first. */
  caller_ids: { number: string; label: Labels }[];
}

/** A caller in a parking place. */
export interface ParkedRow {
  slot: string;
  name: string;
  /** Masked. */
  number: string;
  since: string;
  /** A colleague; empty: from here he goes to a queue. */
  parked_by: string;
  returns_at: string;
  /** Who is being rung for him; empty: nobody. */
  rings_at: string;
  /** His time in the place is over: he goes back. */
  is_over: boolean;
}

export interface Sections {
  me: Me;
  phone: PhoneSection;
  agent: AgentSection;
  call: CallSection | null;
  customer: CustomerSection | null;
  ticket: TicketSection | null;
  queues: QueueRow[];
  today: Today;
  link: LinkSection;
  parked: ParkedRow[];
  directory: Directory | null;
  missed: { open: MissedRow[]; closed: MissedRow[]; more: number };
  callbacks: { mine: PromiseRow[]; team: PromiseRow[]; queue: StandingRow[]; due: number };
  messages: { received: ReceivedMessage[]; sent: SentMessage[]; unread: number; teams: string[]; may_send: boolean };
  colleague: ColleagueCard | null;
  outside_page: OutsidePage | null;
  gone: Gone | null;
  tickets: TicketList | null;
  /** Opened from a list. */
  opened: TicketSection | null;
  ticket_form: TicketForm | null;
  second: SecondSection | null;
}

export type SectionName = keyof Sections;

export type Microphone = "ok" | "blocked" | "missing";

/** How a stretch of a call sounded here. */
export interface QualityReport {
  call_id: string;
  measured_s: number;
  lost_in: number;
  lost_out: number | null;
  jitter_ms: number;
  round_trip_ms: number | null;
  mos: number;
  worst_mos: number;
}

/** Empty takes away; `due` is an instant. */
export type TicketChanges = Partial<Record<"subject" | "category" | "priority" | "status" | "group" | "owner" | "due", string>>;

export interface Commands {
  "agent.sign_in": { phone: "browser" | "desk" } | { phone: "shared"; extension: string } | { phone: "outside"; number: string };
  "agent.sign_out": Record<string, never>;
  "agent.ready": Record<string, never>;
  "agent.not_ready": { reason: string };
  "agent.extend_wrap_up": Record<string, never>;
  "call.answer": { call_id: string };
  "call.accept": { call_id: string };
  "call.decline": { call_id: string };
  "call.hang_up": { call_id: string };
  "call.hold": { call_id: string };
  "call.retrieve": { call_id: string };
  "call.mute": { call_id: string; muted: boolean };
  "call.pause_recording": { call_id: string; paused: boolean };
  "call.dial": { target: Target };
  "call.send_digits": { call_id: string; digits: string };
  "call.transfer": { call_id: string; target: Target };
  "call.consult": { call_id: string; target: Target };
  "call.complete": { call_id: string };
  "call.cancel": { call_id: string };
  "call.conference": { call_id: string };
  "call.add_party": { call_id: string; target: Target };
  "call.drop_party": { call_id: string; endpoint: string };
  "call.park": { call_id: string; slot: string };
  "call.fetch": { slot: string };
  "call.move": { call_id: string; phone: "browser" | "desk" };
  "call.menu": { call_id: string; menu: string };
  "call.fetch_back": { call_id: string };
  "missed.call": { call_id: string };
  "missed.take": { call_id: string };
  "missed.release": { call_id: string };
  "missed.close": { call_id: string; result: "solved" | "wrong_number" | "no_need" | "other" };
  "promise.make": { call_id: string; due: string; text: string };
  "promise.move": { call_id: string; due: string };
  "promise.snooze": { call_id: string };
  "promise.hand": { call_id: string; kind: "agent" | "queue"; value: string };
  "promise.take": { call_id: string };
  "promise.end": { call_id: string; result: "done" | "withdrawn" };
  "promise.call": { call_id: string };
  "message.send": { audience: "agent" | "team" | "all"; target: string; text: string };
  "message.read": { message_id: string };
  "ticket.note": { ticket_id: number; text: string; version: number };
  "ticket.disposition": { ticket_id: number; call_id: string; disposition: string };
  "ticket.attach": { call_id: string; ticket_id: number };
  "ticket.new": { call_id: string };
  "ticket.detach": { call_id: string };
  "ticket.open": { ticket_id: number };
  "ticket.close": Record<string, never>;
  "ticket.change": { ticket_id: number; revision: number; changes: TicketChanges; fields: Record<string, string> };
  "ticket.comment": { ticket_id: number; text: string };
  "ticket.hand_over": { ticket_id: number; revision: number; group: string; owner: string; note: string };
  "text.keep": { name: string; text: string };
  "customer.rename": { customer_id: number; name: string; company: string };
  "customer.choose": { call_id: string; customer_id: number };
  "customer.assign": { call_id: string; customer_id: number; keep_number: boolean };
  "customer.create": { call_id: string; name: string; company: string };
  "customer.note": { customer_id: number; text: string };
  "customer.warn": { customer_id: number; text: string };
  "number.reveal": { call_id: string };
  "phone.quality": QualityReport;
}

export type CommandName = keyof Commands;

/** Why a command was not carried out; its text stands in the catalogue, `values` are for its blanks. */
export interface Refusal {
  id: string;
  message: string;
  values?: Record<string, string>;
}

export type FromServer =
  | { type: "snapshot"; boot: string; seq: number; sections: Sections }
  | { type: "update"; boot: string; seq: number; section: SectionName; value: Sections[SectionName] }
  | { type: "result"; id: string; ok: true }
  | { type: "result"; id: string; ok: false; error: Refusal }
  | { type: "ping"; t: unknown };

export type ToServer =
  | { type: "hello"; boot: string | null; seq: number; language: string; page: string }
  | { type: "command"; id: string; name: CommandName; args: unknown }
  | { type: "painted"; call_id: string; token: string }
  | { type: "phone"; registered: boolean; sessions: string[]; mic: Microphone }
  | { type: "watch"; directory: boolean }
  | { type: "tickets"; view: TicketView | null; question: string; limit: number }
  | { type: "pong"; t: unknown };

/** Why the service closed the socket. */
export const CLOSE = { signedOut: 4001, origin: 4002, badMessage: 4003, tooSlow: 4004, replaced: 4005 } as const;
