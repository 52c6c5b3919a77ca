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

  function listen() {
    if (source || document.hidden) return;
    if (!window.EventSource) { fallBack(); return; }
    source = new EventSource(line.dataset.events);
    source.onopen = () => { clearInterval(poll); poll = 0; line.dataset.listening = "1"; };
    source.onerror = () => {
      delete line.dataset.listening;
      fallBack();
      if (source && source.readyState === EventSource.CLOSED) source = null;
    };
    source.addEventListener("safety", refresh);
    // Lists are made anew, unless somebody is typing in the page.
    source.addEventListener("acts", () => { if (!isTyping()) ask("banjian-acts"); });
    // Nobody acts here any more: lists are taken away; what was being typed stays for whoever comes back.
    source.addEventListener("locked", () => {
      hush();
      if (!document.querySelector("main form[data-once]")) location.reload();
    });
  }
  function hush() { if (source) { source.close(); source = null; delete line.dataset.listening; } }

  // A browser has few connections to one place: only the page that is seen listens.
  document.addEventListener("visibilitychange", () => { if (document.hidden) hush(); else { refresh(); listen(); } });
  window.addEventListener("pagehide", hush);
  window.addEventListener("pageshow", listen);
  listen();
})();
