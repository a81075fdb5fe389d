// The agent's desktop: everything in its place.

import { isLinked, sections } from "../store";
import { played } from "../player";
import { BesideColumn } from "./BesideColumn";
import { BottomBar } from "./BottomBar";
import { CallerColumn } from "./CallerColumn";
import { CallStrip } from "./CallStrip";
import { DueReminder } from "./DueReminder";
import { KeyMap } from "./KeyMap";
import { Links } from "./Links";
import { Palette } from "./Palette";
import { Player } from "./Player";
import { TicketColumn } from "./TicketColumn";
import { TopBar } from "./TopBar";

export function Desktop() {
  const isCut = !isLinked.value || sections.link.value?.switch === "down";
  return (
    <div class={`desktop ${isCut ? "cut" : ""} ${played.value ? "with-player" : ""}`}>
      <TopBar />
      <CallStrip />
      <main class="columns">
        <CallerColumn />
        <TicketColumn />
        <BesideColumn />
      </main>
      <Player />
      <DueReminder />
      <BottomBar />
      <Palette />
      <KeyMap />
      <Links />
    </div>
  );
}
