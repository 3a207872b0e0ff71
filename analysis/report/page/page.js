"use strict";
(() => {
  // Grids: a click on a heading sorts; the third one brings the first order back.
  const by = (line, column) => {
    const cell = line.children[column];
    return cell.dataset.n === undefined ? cell.textContent.trim() : Number(cell.dataset.n);
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, "en", { numeric: true });
  };
  for (const table of document.querySelectorAll("table.grid")) {
    const body = table.tBodies[0];
    const first = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    if (first.length < 2) continue;
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const next = { descending: "ascending", ascending: "none" }[head.getAttribute("aria-sort")] || "descending";
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        if (next === "none") { body.append(...first); return; }
        head.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        const empty = (value) => value === "" || Number.isNaN(value);
        const keyed = first.map((line) => [by(line, column), line]);
        keyed.sort(([a], [b]) => (empty(a) || empty(b) ? empty(a) - empty(b) : sign * compare(a, b)));
        body.append(...keyed.map(([, line]) => line));
      });
    });
  }

  // Table 2: what stands behind a cell, from its line under "Every cell"; on hover, focus and tap.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  let pinned = null;
  const element = (name, text) => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };
  const show = (link) => {
    const line = document.getElementById(link.hash.slice(1));
    if (!line) return;
    const heads = line.closest("table").tHead.rows[0].cells;
    const list = document.createElement("dl");
    [...line.cells].slice(1).forEach((cell, place) => {
      if (!cell.textContent.trim()) return;
      const pair = document.createElement("div");
      const value = document.createElement("dd");
      value.append(...[...cell.childNodes].map((node) => node.cloneNode(true)));
      pair.append(element("dt", heads[place + 1].textContent), value);
      list.append(pair);
    });
    tip.replaceChildren(element("h3", line.cells[0].textContent), list);
    tip.hidden = false;
    link.setAttribute("aria-describedby", "tip");
    const cell = link.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, cell.left + cell.width / 2 - own.width / 2), document.documentElement.clientWidth - own.width - 8);
    const below = cell.bottom + 6;
    const top = below + own.height > innerHeight && cell.top > own.height + 6 ? cell.top - own.height - 6 : below;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${top}px`;
  };
  const hide = () => {
    tip.hidden = true;
    if (pinned) pinned.classList.remove("open");
    pinned = null;
    document.querySelectorAll("[aria-describedby=tip]").forEach((each) => each.removeAttribute("aria-describedby"));
  };
  for (const link of document.querySelectorAll("table.main td a")) {
    link.addEventListener("mouseenter", () => { if (!pinned) show(link); });
    link.addEventListener("mouseleave", () => { if (!pinned) hide(); });
    link.addEventListener("focus", () => { if (!pinned) show(link); });
    link.addEventListener("blur", () => { if (!pinned) hide(); });
    link.addEventListener("click", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const again = pinned === link;
      hide();
      if (again) return;
      show(link);
      pinned = link;
      link.classList.add("open");
    });
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.addEventListener("click", (event) => { if (!tip.contains(event.target)) hide(); });
  addEventListener("scroll", () => { if (!tip.hidden) hide(); }, { passive: true });

  // A link to a folded line opens what it is folded in.
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  if (location.hash) open();
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
})();
