// Names that nobody else gives.

/** A random id. `crypto.randomUUID` is there for secure pages only; desk phones are also served from a plain one. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
