// Open pages hear of what changes. Where events cannot be had, the line of safety is asked for every 20 seconds.
"use strict";
(function () {
  const line = document.getElementById("safety");
  if (!line || !line.dataset.events) return;
  const POLL_MS = 20000;
  let source = null, poll = 0;

  const ask = (name) => htmx.trigger(document.body, name);
  const refresh = () => { htmx.trigger(line, "banjian-safety"); };
  function fallBack() { if (!poll) poll = setInterval(refresh, POLL_MS); }
  function isTyping() {
    const field = document.activeElement;
    return field instanceof HTMLElement && field.matches("main input, main textarea, main select");
  }

  // What grows old by itself is made anew though nothing happens: a station that died sends no act.
  const AGAIN_MS = 5000;
  let madeAt = Date.now();
  setInterval(() => {
    const main = document.getElementById("main"), seconds = Number(main && main.dataset.again);
    if (!seconds || document.hidden || isTyping() || Date.now() - madeAt < seconds * 1000) return;
    madeAt = Date.now();
    ask("banjian-acts");
  }, AGAIN_MS);

  function listen() {
    if (source || document.hidden) return;
    if (!window.EventSource) { fallBack(); return; }
    source = new EventSource(line.dataset.events);
    source.onopen = () => { clearInterval(poll); poll = 0; if (line.classList.contains("gone")) refresh(); line.dataset.listening = "1"; };
    source.onerror = () => {
      probe();
      delete line.dataset.listening;
      fallBack();
      if (source && source.readyState === EventSource.CLOSED) source = null;
    };
    source.addEventListener("safety", refresh);
    // Lists are made anew, unless somebody is typing in the page.
    source.addEventListener("acts", () => { if (!isTyping()) ask("banjian-acts"); });
    // Nobody acts here any more: lists are taken away; what was being typed stays for whoever comes back.
    source.addEventListener("locked", () => { hush(); leave(); });
  }
  function isChanged(field) {
    if (field.type === "hidden") return false;
    if (field.matches("select")) return [...field.options].some((one) => one.selected !== one.defaultSelected) && field.selectedIndex > 0;
    return field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  }
  // The page shows what only its reader may see; it stays only where something is being typed.
  function leave() {
    const fields = document.querySelectorAll("main form[data-once] :is(input, textarea, select)");
    if (![...fields].some(isChanged)) location.reload();
  }
  // A page that was out of sight has not heard of a lock, or of another person at this PC.
  async function look() {
    const words = document.getElementById("sending");
    if (!words) return;
    try {
      const answer = await fetch("/form", { headers: { "X-Banjian-Form": "", "X-Banjian-Live": "1" }, credentials: "same-origin", cache: "no-store" });
      if (answer.ok && (await answer.json()).who !== words.dataset.who) leave();
    } catch { /* The line of safety tells that the station is gone. */ }
  }
  // The station itself is gone: what the line says is what was so before.
  function mark(isGone) {
    line.classList.toggle("gone", isGone);
    let note = document.getElementById("safety-gone");
    if (isGone && !note) {
      note = document.createElement("div");
      Object.assign(note, { id: "safety-gone", className: "problem", textContent: line.dataset.gone });
      note.setAttribute("role", "alert");
      line.before(note);
    } else if (!isGone && note) {
      note.remove();
    }
  }
  function probe() {
    fetch("/safe/line", { headers: { "X-Banjian-Live": "1" }, credentials: "same-origin", cache: "no-store" })
      .then(() => mark(false), () => mark(true));
  }
  document.body.addEventListener("htmx:sendError", (event) => { if (event.detail.elt === line) mark(true); });
  document.body.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.elt === line) mark(false); });
  function hush() { if (source) { source.close(); source = null; delete line.dataset.listening; } }

  // A browser has few connections to one place: only the page that is seen listens.
  document.addEventListener("visibilitychange", () => { if (document.hidden) hush(); else { refresh(); listen(); look(); } });
  window.addEventListener("pagehide", hush);
  window.addEventListener("pageshow", listen);
  listen();
})();
