// Instants: as people say them with the exact one on hover, or, where the order of a day matters, as clock times.

import { absolute, isToday, relative, timeOfDay } from "../time";

export function When({ at, isShort }: { at: string; isShort?: boolean }) {
  return (
    <time dateTime={at} title={absolute(at)}>
      {relative(at, isShort ? "short" : "long")}
    </time>
  );
}

/** The time of day; of another day, how long ago. */
export function Clock({ at }: { at: string }) {
  return (
    <time dateTime={at} class="figures" title={`${absolute(at)} · ${relative(at)}`}>
      {isToday(at) ? timeOfDay(at) : relative(at)}
    </time>
  );
}
