// An instant as people say it, with the exact one on hover.

import { absolute, relative } from "../time";

export function When({ at }: { at: string }) {
  return (
    <time dateTime={at} title={absolute(at)}>
      {relative(at)}
    </time>
  );
}
