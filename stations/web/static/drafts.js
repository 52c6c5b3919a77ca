// The draft of a form: that it could not be kept is said, and it is tried again; the last words go along on leaving.
"use strict";
(function () {
  const place = document.getElementById("draft"), words = document.getElementById("sending"), AGAIN_MS = 5000, KEEP_MS = 2000;
  const form = place && place.closest("form");
  if (!form || !words) return;
  let timer = 0, isNew = false, isRetry = false;

  async function again() {
    isRetry = !form.dataset.sent && await window.banjianIsRenewed(form.elements.form.value);
    if (isRetry) htmx.trigger(place, "banjian-draft");
    else timer = setTimeout(again, AGAIN_MS);
  }
  // Refused, though it came as an answer that would be shown: what opens no draft at all is told as it is.
  const TOO_LARGE = "web.draft_large", LOCKED = 204;
  function isRefused(xhr) {
    const code = xhr.getResponseHeader("X-Banjian-Refused");
    return code ? code !== TOO_LARGE : xhr.status === LOCKED && !xhr.getResponseHeader("X-Banjian-Over");
  }
  function fail() {
    isNew = true;
    place.className = "problem-line";
    place.textContent = place.dataset.failed;
    clearTimeout(timer);
    timer = setTimeout(again, AGAIN_MS);
  }
  const own = (then) => (event) => { if (event.detail.elt === place) then(); };
  ["htmx:responseError", "htmx:sendError", "htmx:timeout"].forEach((name) => { document.body.addEventListener(name, own(fail)); });
  // What the page tries again by itself keeps no browser unlocked.
  document.body.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt !== place) return;
    if (isRetry) event.detail.headers["X-Banjian-Live"] = "1";
    isRetry = false;
  });
  document.body.addEventListener("htmx:beforeRequest", own(() => { isNew = false; }));
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.elt !== place) return;
    if (isRefused(event.detail.xhr)) {
      event.detail.shouldSwap = false;
      fail();
      return;
    }
    clearTimeout(timer);
    place.className = "";
  });
  ["input", "change"].forEach((name) => { form.addEventListener(name, () => { isNew = true; }); });
  // Keeps what is not kept yet, and says when that is done, or takes too long to wait for.
  window.banjianKeep = (sent) => sent !== form || !isNew ? null : new Promise((done) => {
    setTimeout(done, KEEP_MS);
    place.addEventListener("htmx:afterRequest", () => { done(); }, { once: true });
    htmx.trigger(place, "banjian-draft");
  });
  window.addEventListener("pagehide", () => {
    // Of a page that goes away because of a lock the station was given everything.
    if (!isNew || form.dataset.sent || document.body.classList.contains("covered")) return;
    const data = new FormData();
    for (const [name, value] of new FormData(form)) if (typeof value === "string") data.append(name, value);
    navigator.sendBeacon(place.getAttribute("hx-post"), data);
  });
})();
