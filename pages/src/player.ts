// Which recording is being played; the player itself is a component.

import { signal } from "@preact/signals";

export interface Played {
  id: string;
  title: string;
  at: string;
}

export const played = signal<Played | null>(null);

export function play(recording: Played): void {
  played.value = { ...recording };
}
