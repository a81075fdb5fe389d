// Click to call for any web page: <script src="https://<ringdesk>/click-to-call.js" defer></script>
//
// A click on a tel: link, or on anything with data-ringdesk-number="…", opens ringdesk's own page with the number,
// which asks before it calls. This script reads nothing else of the page, sends nothing and keeps nothing.
(function () {
  "use strict";
  var script = document.currentScript;
  if (!script || !script.src) return;
  var desk = new URL(script.src).origin;
  document.addEventListener("click", function (event) {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    var found = event.target instanceof Element && event.target.closest("[data-ringdesk-number], a[href^='tel:' i]");
    if (!found) return;
    var number = found.getAttribute("data-ringdesk-number") || found.getAttribute("href");
    event.preventDefault();
    window.open(desk + "/dial?number=" + encodeURIComponent(number), "ringdesk-dial", "popup,width=460,height=360");
  });
})();
