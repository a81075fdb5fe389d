// The page's icons, drawn as lines in the colour of the text; each stands beside a word.

const PATHS = {
  answer: "M5 3.5c-1.2.6-1.8 1.7-1.5 3.1C4.5 12 9 16.3 14.3 17.2c1.4.3 2.6-.4 3.2-1.5l-3.2-2.7-2 1.3c-1.9-.9-4-3-4.9-4.9l1.4-2z",
  hang_up: "M2.5 11.5c4.5-4.3 10.5-4.3 15 0l-1.8 2.3-3.2-1v-2.2a8 8 0 0 0-5 0v2.2l-3.2 1z",
  hold: "M7 4.5v11M13 4.5v11",
  retrieve: "M6.5 4.5l9 5.5-9 5.5z",
  mute: "M10 3a2.2 2.2 0 0 0-2.2 2.2v4a2.2 2.2 0 0 0 4.4 0v-4A2.2 2.2 0 0 0 10 3zM5.5 9.5a4.5 4.5 0 0 0 9 0M10 14v3",
  muted: "M10 3a2.2 2.2 0 0 0-2.2 2.2v4a2.2 2.2 0 0 0 4.4 0v-4A2.2 2.2 0 0 0 10 3zM5.5 9.5a4.5 4.5 0 0 0 9 0M10 14v3M3.5 3.5l13 13",
  keypad: "M5.5 5h.01M10 5h.01M14.5 5h.01M5.5 10h.01M10 10h.01M14.5 10h.01M5.5 15h.01M10 15h.01M14.5 15h.01",
  record: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
  play: "M7 4.5l8.5 5.5L7 15.5z",
  pause: "M7.5 5v10M12.5 5v10",
  close: "M5 5l10 10M15 5L5 15",
  down: "M6 8.5l4 4 4-4",
  ticket: "M3.5 6.5h13v2.3a1.3 1.3 0 0 0 0 2.5v2.2h-13v-2.2a1.3 1.3 0 0 0 0-2.5z",
  phone: "M6.5 2.5h7v15h-7zM9 15h2",
  person: "M10 4a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM4 16.5c.6-3 3-4.5 6-4.5s5.4 1.5 6 4.5",
  clock: "M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM10 6.5V10l2.5 2",
  eye: "M2.5 10c2-3.5 4.6-5 7.5-5s5.5 1.5 7.5 5c-2 3.5-4.6 5-7.5 5s-5.5-1.5-7.5-5zM10 7.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4z",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  alert: "M10 3.5l7.5 13h-15zM10 8.5v3.5M10 14.3v.01",
  search: "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM12.7 12.7L16.5 16.5",
  edit: "M4 16l.8-3.3 8.5-8.5 2.5 2.5L7.3 15.2z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
