// Renews the page in place instead of loading it anew: the reader's place, open menus and the keyboard focus stay.
// Everything works without this script; the page then carries a refresh of its own.
"use strict";
(() => {
  const seconds = Number(document.documentElement.dataset.refresh || 0);
  if (!seconds) return;
  let busy = false;

  const occupied = () => document.hidden || document.querySelector("details[open]") !== null
    || ["INPUT", "SELECT"].includes(document.activeElement && document.activeElement.tagName);

  async function renew() {
    if (busy || occupied()) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (!answer.ok) throw new Error("status " + answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of ["main", "footer"]) {
        const [old, next] = [document.querySelector(part), fresh.querySelector(part)];
        if (old && next && !occupied()) old.replaceWith(document.adoptNode(next));
      }
      document.documentElement.classList.remove("offline");
    } catch (error) {
      document.documentElement.classList.add("offline");
    } finally {
      busy = false;
    }
  }

  setInterval(renew, seconds * 1000);
  document.addEventListener("visibilitychange", renew);
})();

// One menu at a time; a click elsewhere or Escape closes it.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
