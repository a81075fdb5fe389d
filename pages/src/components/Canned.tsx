// The list of canned texts under the notes, while "/" and a name are being typed. What is typed stays in the notes' field;
// only arrows, Enter, Tab and Escape are the list's, and none of them while an input method composes.

import { askedAt, filled, findTexts } from "../canned";
import { t } from "../i18n";
import type { CannedText } from "../protocol";
import { sections } from "../store";
import { keepText } from "../tickets";

export interface Asked {
  name: string;
  from: number;
  at: number;
}

interface Props {
  asked: Asked;
  notes: string;
  onPick(text: CannedText): void;
}

export function textsFor(asked: Asked): CannedText[] {
  return findTexts(sections.ticket_form.value?.texts ?? [], asked.name);
}

/** What the notes would be kept as; empty when they can't be. */
function toKeep(asked: Asked, notes: string): string {
  const rest = (notes.slice(0, asked.from) + notes.slice(asked.from + asked.name.length + 1)).trim();
  const isNew = asked.name !== "" && !textsFor(asked).some((each) => each.name === asked.name);
  return isNew ? rest.slice(0, 5_000) : "";
}

/** Where "keep these notes" stands: behind the texts, and never where the list begins, so that no Enter meets it unawares. */
const keepPlace = (found: CannedText[]): number => Math.max(1, found.length);

/** One step of an arrow in the list. */
export function stepped(asked: Asked, notes: string, step: number): number {
  const found = textsFor(asked);
  const places = [...found.keys(), ...(toKeep(asked, notes) ? [keepPlace(found)] : [])];
  const next = places.indexOf(asked.at) + step;
  return places.at(next % Math.max(1, places.length)) ?? 0;
}

/** Does what the chosen line says, unless it is a text, which the notes put in. */
export function keepChosen(asked: Asked, notes: string): boolean {
  const text = toKeep(asked, notes);
  if (!text || asked.at !== keepPlace(textsFor(asked))) return false;
  void keepText(asked.name, text);
  return true;
}

export function removeChosen(asked: Asked): boolean {
  const chosen = textsFor(asked)[asked.at];
  if (!chosen?.is_own) return false;
  void keepText(chosen.name, "");
  return true;
}

export function Canned({ asked, notes, onPick }: Props) {
  const found = textsFor(asked);
  const kept = toKeep(asked, notes);
  const chosen = found[asked.at];
  return (
    <div class="canned" onPointerDown={(event) => event.preventDefault()}>
      <ul id="canned-list" role="listbox" aria-label={t("canned.title")}>
        {found.map((each, index) => (
          <li key={`${each.name}.${each.is_own}`} id={`canned-${index}`} role="option" aria-selected={index === asked.at} onClick={() => onPick(each)}>
            <b>{each.name}</b> <span class="faint">{each.text}</span>
          </li>
        ))}
        {kept && (
          <li
            id={`canned-${keepPlace(found)}`}
            role="option"
            aria-selected={asked.at === keepPlace(found)}
            onClick={() => keepChosen({ ...asked, at: keepPlace(found) }, notes)}
          >
            {t("canned.keep", { name: asked.name })}
          </li>
        )}
      </ul>
      {found.length === 0 && <p class="faint">{t("canned.none")}</p>}
      {chosen?.is_own && (
        <button type="button" class="text-button" tabIndex={-1} onClick={() => removeChosen(asked)}>
          {t("canned.remove", { name: chosen.name })}
        </button>
      )}
    </div>
  );
}

/** What is asked for where the cursor stands. */
export function askedIn(field: HTMLTextAreaElement): Asked | null {
  if (field.selectionStart !== field.selectionEnd) return null;
  const found = askedAt(field.value, field.selectionStart);
  return found && { ...found, at: 0 };
}

/** Puts a text in the place of what was typed; the cursor stands behind it. Returns the whole. */
export function insert(field: HTMLTextAreaElement, asked: Asked, text: CannedText, ticketId: number): string {
  field.setRangeText(filled(text.text, ticketId), asked.from, asked.from + asked.name.length + 1, "end");
  return field.value;
}
