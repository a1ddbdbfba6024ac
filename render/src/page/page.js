// What pages do more with a script than without: renew themselves in place, tell values under the pointer, zoom by
// dragging. Everything else works without it; the page then carries a refresh of its own.
"use strict";
(() => {
  const seconds = Number(document.documentElement.dataset.refresh || 0);
  let busy = false;
  let drag = null;

  // What a reader has open or is at work with must not be taken away.
  const occupied = () => document.hidden || drag || document.querySelector("details[open]");

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
  if (seconds) {
    setInterval(renew, seconds * 1000);
    document.addEventListener("visibilitychange", renew);
  }

  // Where a chart's plot lies on the screen. The picture is scaled to its column.
  function plotOf(plots) {
    const svg = [...plots.querySelectorAll("svg")].find((one) => one.getClientRects().length);
    const axis = svg && svg.querySelector(".sc-axis");
    const ends = axis && /^M(\d+)[ \d]*h(\d+)/.exec(axis.getAttribute("d"));
    if (!ends) return null;
    const box = svg.getBoundingClientRect();
    // The axis is drawn in tenths of a pixel.
    const scale = box.width / svg.viewBox.baseVal.width / 10;
    return { svg, box, left: box.left + ends[1] * scale, width: ends[2] * scale };
  }

  const share = (plot, x) => Math.min(1, Math.max(0, (x - plot.left) / plot.width));

  function mark(plot, name, from, to) {
    const holder = plot.svg.parentNode;
    const line = holder.querySelector("." + name) || holder.appendChild(document.createElement("div"));
    line.className = name;
    line.style.left = plot.left - plot.box.left + from * plot.width + "px";
    if (to !== undefined) line.style.width = (to - from) * plot.width + "px";
  }

  const tip = document.body.appendChild(document.createElement("div"));
  tip.className = "tip";
  tip.hidden = true;

  function leave() {
    tip.hidden = true;
    for (const line of document.querySelectorAll(".cross")) line.remove();
  }

  function tell(plots, at, event) {
    const slots = plots.dataset.hover.split(";");
    const [time, ...values] = slots[Math.min(slots.length - 1, Math.round(at * slots.length))].split(",");
    const head = document.createElement("b");
    head.textContent = time;
    tip.replaceChildren(head);
    plots.parentNode.querySelectorAll(".legend tbody th").forEach((name, index) => {
      const row = tip.appendChild(document.createElement("div"));
      row.append(name.querySelector(".sw").cloneNode(true));
      row.appendChild(document.createElement("span")).textContent = name.textContent;
      row.appendChild(document.createElement("b")).textContent = values[index];
    });
    tip.hidden = false;
    const right = event.clientX + 16 + tip.offsetWidth < innerWidth;
    tip.style.left = Math.max(4, right ? event.clientX + 16 : event.clientX - 16 - tip.offsetWidth) + "px";
    tip.style.top = Math.max(4, Math.min(event.clientY + 12, innerHeight - tip.offsetHeight - 4)) + "px";
  }

  document.addEventListener("pointermove", (event) => {
    const plots = event.target.closest && event.target.closest(".plots");
    const plot = plots && plotOf(plots);
    if (!plot) return leave();
    const at = share(plot, event.clientX);
    // The same instant in all charts: they share their range.
    for (const other of document.querySelectorAll(".plots")) {
      const beside = plotOf(other);
      if (beside) mark(beside, "cross", at);
    }
    tell(plots, at, event);
    if (drag && drag.plots === plots) mark(plot, "drag", Math.min(at, drag.at), Math.max(at, drag.at));
  });
  document.addEventListener("pointerleave", leave);
  document.addEventListener("scroll", leave, { passive: true });

  document.addEventListener("pointerdown", (event) => {
    const plots = event.target.closest(".plots");
    const plot = plots && event.button === 0 && event.pointerType === "mouse" && plotOf(plots);
    if (!plot) return;
    drag = { plots, at: share(plot, event.clientX) };
    event.preventDefault();
  });
  document.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const { plots, at } = drag;
    const plot = plotOf(plots);
    drag = null;
    for (const area of document.querySelectorAll(".drag")) area.remove();
    if (!plot) return;
    const ends = [at, share(plot, event.clientX)].sort((a, b) => a - b);
    if (ends[1] - ends[0] < 0.01) return;
    const [from, to] = [Number(plots.dataset.from), Number(plots.dataset.to)];
    const address = new URL(location.href);
    address.searchParams.set("from", Math.round(from + ends[0] * (to - from)));
    address.searchParams.set("to", Math.round(from + ends[1] * (to - from)));
    location.assign(address);
  });
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
