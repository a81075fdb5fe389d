// The tabs of the third column, in their order: one entry each. Whoever adds one writes an entry here and a component
// of its own; column, keys, palette and bottom bar take the rest from the entry.

import type { ComponentType } from "preact";
import { CallbacksTab } from "./components/CallbacksTab";
import { HistoryTab } from "./components/HistoryTab";
import { MessagesTab } from "./components/MessagesTab";
import { OutsideTab } from "./components/OutsideTab";
import { TicketsTab } from "./components/TicketsTab";
import type { Key } from "./i18n";
import { openCallbacks, unreadMessages } from "./day";
import { sections } from "./store";

export interface BesideTab {
  id: string;
  label: Key;
  /** How many things there ask for attention: a badge on the tab. Absent: the tab counts nothing. */
  count?: () => number;
  /** With a word here the count stands in the bottom bar too, where a press opens the tab. */
  inBar?: Key;
  /** Stays in the page once it was open, so that what it holds (a page from elsewhere) is not loaded again. */
  isKept?: boolean;
  Component: ComponentType;
}

export const TABS: readonly BesideTab[] = [
  { id: "history", label: "beside.history", Component: HistoryTab },
  { id: "tickets", label: "beside.tickets", inBar: "beside.due", count: () => sections.tickets.value?.counts.due ?? 0, Component: TicketsTab },
  { id: "callbacks", label: "beside.callbacks", count: openCallbacks, inBar: "beside.callbacks", Component: CallbacksTab },
  { id: "messages", label: "beside.messages", count: unreadMessages, inBar: "beside.messages", Component: MessagesTab },
  { id: "outside", label: "outside.tab", isKept: true, Component: OutsideTab },
];
