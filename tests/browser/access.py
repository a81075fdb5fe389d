"""What makes a page usable for everybody, asked of the page itself: axe-core's rules, the order of the focus, the layout.

axe-core (MPL-2.0) is a development dependency of the pages: it is injected by the browser's debugger, which a page's
policy does not concern, and is never shipped (docs/decisions/0078).
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.async_api import Page

AXE = Path(__file__).resolve().parents[2] / "pages/node_modules/axe-core/axe.min.js"

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

LOOKS = [
    "color-contrast", "target-size", "button-name", "label", "select-name", "aria-hidden-focus",
    "scrollable-region-focusable", "page-has-heading-one",
]  # fmt: skip
"""The rules that colours, widths and languages can break; all others ask what is the same in each."""

UNDECIDED = {
    # What lies under an open panel, half outside of a scrolled list, or is one digit, is judged where it isn't.
    "color-contrast": (
        "overlapped by another element",
        "overlaps other elements",
        "partially obscured",
        "too short to determine",
        "background gradient",  # the stripes of a call on hold: judged on each of their colours (HOLD_GROUNDS)
    ),
    # The list of a combobox that found nothing; a status beside it says so.
    "aria-required-children": ("Expecting ARIA children role to be added: group, option",),
}
"""What axe leaves to people, and why it may."""

_RUN = """async ([only, grounds]) => {
  window.scrollTo(0, 0);
  const options = { resultTypes: ['violations', 'incomplete'], runOnly: only };
  const rows = (result, kind) => result[kind].flatMap((rule) => rule.nodes.map((node) => ({
    kind, rule: rule.id, where: node.target.join(' '),
    why: [...node.any, ...node.all, ...node.none].map((each) => each.message).join('; '),
  })));
  const result = await axe.run(document, options);
  // What an open panel half covers is pressed when the panel is closed.
  const layer = document.querySelector('.menu, .canned, [aria-modal=true]');
  const isBeneath = (each) => each.rule === 'target-size' && layer && !layer.contains(document.querySelector(each.where));
  const found = [...rows(result, 'violations'), ...rows(result, 'incomplete')].filter((each) => !isBeneath(each));
  const strip = document.querySelector('.strip:is([data-phase=on_hold], [data-phase=in_menu], [data-phase=consulting])');
  for (const ground of strip ? grounds : []) {
    strip.style.background = ground; // by script, not by attribute: the policy allows it
    const again = await axe.run(strip, { resultTypes: ['violations'], runOnly: ['color-contrast'] });
    found.push(...rows(again, 'violations'));
  }
  if (strip) strip.style.background = '';
  return found;
}"""
HOLD_GROUNDS = ["var(--hold-2)", "var(--hold-3)"]


async def rule_problems(page: Page, only: list[str] | None = None) -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA and its best practices, one line each; or against single rules."""
    wanted = {"type": "rule", "values": only} if only else {"type": "tag", "values": TAGS}
    found: list[dict[str, Any]] = await page.evaluate(_RUN, [wanted, HOLD_GROUNDS])
    return [
        f"{each['rule']}: {each['where']}: {each['why'][:200]}"
        for each in found
        if each["kind"] == "violations"
        or not any(words in each["why"] for words in UNDECIDED.get(each["rule"], ()))
    ]


HELP = """
window.access = (() => {
  const CONTROLS = 'a[href], button, input, select, textarea, iframe, [tabindex], [role=option]';
  const LAYERS = '[aria-modal=true], .menu, .canned';
  const PARTS = '[aria-modal=true], .menu, .canned, .top-bar, .column, .strip, .player, .due-reminder, .bottom-bar, .card';
  const isSeen = (each) => each.checkVisibility({ visibilityProperty: true }) && each.getClientRects().length > 0;
  const name = (each) => {
    const words = each.getAttribute('aria-label') || each.innerText || each.placeholder || each.id || each.className;
    return `${each.tagName.toLowerCase()} “${String(words).trim().replace(/\\s+/g, ' ').slice(0, 40)}”`;
  };
  const within = () => document.querySelector('[aria-modal=true]') ?? document.body;
  // Of a group of radio buttons the chosen one is the stop.
  const isStop = (each) => each.tabIndex >= 0 && !each.disabled && isSeen(each)
    && !(each.type === 'radio' && !each.checked && document.querySelector(`[name="${each.name}"]:checked`));
  const stops = () => [...within().querySelectorAll(CONTROLS)].filter(isStop);
  const part = (each) => each.closest(PARTS);

  /** Everything that can be pressed but not come to by Tab, arrows or a pattern that says how. */
  const unreachable = () => [...within().querySelectorAll(CONTROLS)].filter((each) => isSeen(each) && each.tabIndex < 0
    && !each.closest('[role=menu], [role=tablist], [role=listbox], .tickets-list, .canned')
    && each.matches('a, button, input, select, textarea'));

  /** Pairs of neighbours in the order of the focus whose second stands before the first on the page. */
  const disorder = () => {
    const found = [];
    const all = stops();
    for (let at = 1; at < all.length; at += 1) {
      const [a, b] = [all[at - 1], all[at]];
      if (part(a) !== part(b) || a.type === 'radio') continue;
      const [x, y] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
      if (a.contains(b)) continue;
      const isAbove = y.bottom <= x.top + 1;
      const shared = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
      const isLeft = y.right <= x.left + 1 && shared > Math.min(x.height, y.height) / 2;
      if (isAbove || isLeft) found.push(`${name(b)} comes after ${name(a)}`);
    }
    return found;
  };

  const scrolls = (each, axis) => ['auto', 'scroll'].includes(getComputedStyle(each)[`overflow${axis}`]);
  /** The part of a control that is inside of everything that scrolls around it; null when it is scrolled away. */
  const shown = (each) => {
    let { left, right, top, bottom } = each.getBoundingClientRect();
    let isScrolled = false;
    for (let box = each.parentElement; box && box !== document.body; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (style.position === 'fixed') break;
      if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
      const frame = box.getBoundingClientRect();
      if (scrolls(box, 'X') || scrolls(box, 'Y')) isScrolled = true;
      left = Math.max(left, frame.left); right = Math.min(right, frame.right);
      top = Math.max(top, frame.top); bottom = Math.min(bottom, frame.bottom);
    }
    const isGone = right - left < 1 || bottom - top < 1;
    return { left, right, top, bottom, isScrolled, isGone };
  };

  /** What is cut off, covered, or outside of the window. */
  const misfits = () => {
    const found = [];
    const root = document.scrollingElement;
    if (root.scrollWidth > innerWidth) found.push(`the page is ${root.scrollWidth} wide in a window of ${innerWidth}`);
    const layer = document.querySelector(LAYERS);
    const scope = layer ?? document.body;
    for (const each of scope.querySelectorAll(CONTROLS)) {
      if (!isSeen(each) || each.tabIndex < -1 || each.closest('.unseen')) continue;
      const place = shown(each);
      if (place.isGone && place.isScrolled) continue; // scrolled to when it is wanted
      const say = (words) => found.push(`${name(each)} ${words}`);
      if (place.isGone) { say('is cut off whole'); continue; }
      const box = each.getBoundingClientRect();
      if (!place.isScrolled && (box.left < -1 || box.right > innerWidth + 1)) say('is outside of the window');
      if (!place.isScrolled && (place.right - place.left < box.width - 1.5)) say('is cut off');
      for (const text of each.matches('button') ? [each, ...each.querySelectorAll('.button-text')] : []) {
        const isCut = getComputedStyle(text).overflowX === 'hidden' && text.scrollWidth > text.clientWidth + 1;
        // A ticket's subject may be of any length; the whole stands in the list.
        if (isCut && !each.closest('.attach') && !each.matches('.pending')) say('has words cut off');
        const isOver = !isCut && text.scrollWidth > text.clientWidth + 2;
        if (isOver && !text.matches('.pending, .button-text')) say('has words over its edge');
      }
      const [x, y] = [(place.left + place.right) / 2, (place.top + place.bottom) / 2];
      if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) continue;
      const hit = document.elementFromPoint(x, y);
      if (!hit) continue;
      const isOn = (each.contains(hit) || hit.contains(each) || hit.closest('label')?.contains(each));
      const staying = '.strip, .player, .due-reminder'; // the rest scrolls beneath them
      const isBeneath = hit.closest(staying) && !each.closest(staying);
      if (!isOn && !isBeneath) say(`is covered by ${name(hit)}`);
    }
    return found;
  };

  const look = (each) => {
    const style = getComputedStyle(each);
    const has = (of) => (of.outlineStyle !== 'none' && parseFloat(of.outlineWidth) > 0) || of.boxShadow !== 'none';
    const field = each.closest('.palette-field');
    return has(style) || (field && has(getComputedStyle(field)));
  };
  let walked = [];
  const begin = () => { walked = stops(); return walked.map(name); };
  const here = () => {
    const focused = document.activeElement;
    return { at: walked.indexOf(focused), name: name(focused), isSeen: focused === document.body || Boolean(look(focused)) };
  };
  return { unreachable: () => unreachable().map(name), disorder, misfits, begin, here };
})();
"""
"""Looks at the page from inside; part of a context's first script."""


async def unreachable(page: Page) -> list[str]:
    """Controls that no key comes to."""
    found: list[str] = await page.evaluate("access.unreachable()")
    return [f"no key comes to {each}" for each in found]


async def disorder(page: Page) -> list[str]:
    """Where the focus goes back up the page, or to the left."""
    found: list[str] = await page.evaluate("access.disorder()")
    return found


async def layout_problems(page: Page) -> list[str]:
    """What is cut off, covered or outside of the window, and a page wider than it."""
    found: list[str] = await page.evaluate("access.misfits()")
    return found


async def tab_problems(page: Page) -> list[str]:
    """Walk through the whole page by Tab: every stop is met, in order, and can be seen to have the focus."""
    stops: list[str] = await page.evaluate("access.begin()")
    begun = await page.evaluate("access.here()")
    met: list[int] = [begun["at"]] if begun["at"] >= 0 else []
    unseen: set[str] = set()
    # A field for a date has several stops of its own, and the browser's frame lies between the last and the first.
    for _ in range(2 * len(stops) + 20):
        await page.keyboard.press("Tab")
        here = await page.evaluate("access.here()")
        if here["at"] < 0 or (met and here["at"] == met[-1]):
            continue
        if here["at"] in met:
            break
        met.append(here["at"])
        if not here["isSeen"]:
            unseen.add(here["name"])
    missed = [f"Tab never comes to {stops[at]}" for at in range(len(stops)) if at not in met]
    turned = [f"{stops[b]} comes after {stops[a]}" for a, b in pairwise(met) if b < a]
    # It may begin anywhere and go round once.
    return [
        *missed,
        *(turned if len(turned) > 1 else []),
        *(f"nothing shows that {each} has the focus" for each in unseen),
    ]
