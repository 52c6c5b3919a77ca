// The screen on the wall: made anew every half minute, and left as it is while the station does not answer.
"use strict";
const EVERY_MS = 30000;
document.addEventListener("click", (event) => { if (event.target instanceof Element && event.target.closest("[data-print]")) window.print(); });
setInterval(async () => {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (fresh) document.querySelector("main").replaceWith(document.adoptNode(fresh));
  } catch {
    // It tries again.
  }
}, EVERY_MS);
