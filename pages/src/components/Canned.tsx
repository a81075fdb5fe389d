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

export function Canned({ asked, notes, onPick }: Props) {
  const found = textsFor(asked);
  const rest = (notes.slice(0, asked.from) + notes.slice(asked.from + asked.name.length + 1)).trim();
  const isNew = asked.name !== "" && rest !== "" && !found.some((each) => each.name === asked.name);
  return (
    <div class="canned" onPointerDown={(event) => event.preventDefault()}>
      <ul id="canned-list" role="listbox" aria-label={t("canned.title")}>
        {found.map((each, index) => (
          <li key={`${each.name}.${each.is_own}`} id={`canned-${index}`} role="option" aria-selected={index === asked.at} onClick={() => onPick(each)}>
            <b>{each.name}</b> <span class="faint">{each.text}</span>
            {each.is_own && (
              <button
                type="button"
                class="text-button"
                tabIndex={-1}
                onClick={(event) => {
                  event.stopPropagation();
                  void keepText(each.name, "");
                }}
              >
                {t("canned.remove")}
              </button>
            )}
          </li>
        ))}
        {found.length === 0 && <li class="faint">{t("canned.none")}</li>}
      </ul>
      {isNew && (
        <button type="button" class="text-button" onClick={() => void keepText(asked.name, rest.slice(0, 5_000))}>
          {t("canned.keep", { name: asked.name })}
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
