"use strict";
// Sorts, filters and opens what stands in the page anyway.
(() => {
  const opened = () => {
    const target = location.hash.startsWith("#f-") && document.getElementById(location.hash.slice(1));
    const details = target && target.querySelector("details");
    if (details) details.open = true;
  };
  addEventListener("hashchange", opened);
  opened();

  let closedForPrint = [];
  addEventListener("beforeprint", () => {
    closedForPrint = [...document.querySelectorAll("details:not([open])")];
    closedForPrint.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => {
    closedForPrint.forEach((details) => { details.open = false; });
  });

  const table = document.getElementById("table");
  if (!table) return;
  const things = [...table.tBodies];
  const form = document.getElementById("filters");
  const byId = (id) => document.getElementById(id);

  // Filters
  const words = new Map();
  const wordsOf = (thing) => {
    if (!words.has(thing)) words.set(thing, thing.textContent.toLowerCase());
    return words.get(thing);
  };
  const amount = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const count = new Intl.NumberFormat("en-US");
  const filter = () => {
    const wanted = byId("filter-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set([...form.querySelectorAll("[name=verdict]:checked")].map((box) => box.value));
    const project = byId("filter-project") ? byId("filter-project").value : "";
    const onlyNew = byId("filter-new") ? byId("filter-new").checked : false;
    let shown = 0, money = 0, unpriced = 0;
    for (const thing of things) {
      const fits = verdicts.has(thing.dataset.verdict)
        && (!project || thing.dataset.project === project)
        && (!onlyNew || "new" in thing.dataset)
        && wanted.every((word) => wordsOf(thing).includes(word));
      thing.hidden = !fits;
      if (!fits) continue;
      const value = thing.querySelector(".row .c-money").dataset.value;
      shown += 1;
      money += Number(value);
      if (value === "") unpriced += 1;
    }
    byId("count").textContent = `Showing ${count.format(shown)} of ${count.format(things.length)}`
      + ` · US$${amount.format(money)} a month` + (unpriced ? ` · ${count.format(unpriced)} without a known price` : "");
  };
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  filter();

  const all = byId("open-all");
  let areOpen = false;
  all.addEventListener("click", () => {
    areOpen = !areOpen;
    table.querySelectorAll("details").forEach((details) => { details.open = areOpen; });
    all.textContent = areOpen ? "Close all" : "Open all";
  });

  // Sorting: what has no value stands last either way.
  const collator = new Intl.Collator("en", { numeric: true });
  const sort = (heading, direction) => {
    const column = heading.cellIndex;
    const isNumber = heading.dataset.sort === "number";
    const keyed = things.map((thing, index) => {
      const cell = thing.rows[0].cells[column];
      const text = isNumber ? cell.dataset.value : cell.textContent;
      return { thing, index, none: text === "" || text === "—", key: isNumber ? Number(text) : text };
    });
    keyed.sort((a, b) => (a.none - b.none)
      || (a.none ? 0 : direction * (isNumber ? a.key - b.key : collator.compare(a.key, b.key)))
      || a.index - b.index);
    table.append(...keyed.map((item) => item.thing));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  };
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const first = heading.dataset.sort === "number" && !heading.classList.contains("c-verdict") ? -1 : 1;
      const before = heading.getAttribute("aria-sort");
      sort(heading, before === null ? first : before === "ascending" ? -1 : 1);
    });
  }
})();
