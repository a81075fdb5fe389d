// The queue's outside page. The frame is a sandbox of another origin: no way to this page, no referrer, no microphone.

import { t } from "../i18n";
import { address, isShut, openedFor, openPage, pageName } from "../outside";
import { sections } from "../store";

const SANDBOX = "allow-scripts allow-forms allow-same-origin allow-popups";

export function OutsideTab() {
  const page = sections.outside_page.value;
  const url = page && address(page);
  if (!page || !url) return <p class="teach">{t("outside.teach")}</p>;
  const isOpen = openedFor.value === page.call_id && page.place === "frame";
  const name = pageName(page);
  return (
    <div class="outside">
      <div class="row">
        <b class="outside-name">{name}</b>
        {!isOpen && (
          <button type="button" class="button small" onClick={() => openPage(page, true)}>
            {t(page.place === "frame" ? "outside.open" : "outside.open_tab")}
          </button>
        )}
        {page.place === "frame" && (
          <a class="text-button" href={url.href} target="_blank" rel="noopener noreferrer">
            {t("outside.in_tab")}
          </a>
        )}
      </div>
      {isOpen && isShut.value && (
        <p class="problem" role="status">
          {t("outside.shut")}
        </p>
      )}
      {isOpen && (
        <iframe key={url.href} src={url.href} title={name} sandbox={SANDBOX} referrerpolicy="no-referrer" allow="" />
      )}
    </div>
  );
}
