"use strict";
// The page is whole without this script. It adds sorting, figures to keep, the theme's button and the contents' button.
(() => {
  const page = document.documentElement;
  for (const part of document.querySelectorAll(".needs-script")) part.hidden = false;

  // Theme: the system's, until the reader chooses. Storage may be closed to files; then the choice ends with the page.
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme-button");
  const stored = () => { try { return localStorage.getItem("ecg-ccta-theme"); } catch { return null; } };
  const store = (theme) => { try { localStorage.setItem("ecg-ccta-theme", theme); } catch { /* not remembered */ } };
  const isDark = () => (page.dataset.theme ? page.dataset.theme === "dark" : system.matches);
  const name = () => { button.textContent = isDark() ? "Light page" : "Dark page"; };
  if (["dark", "light"].includes(stored())) page.dataset.theme = stored();
  button.addEventListener("click", () => {
    page.dataset.theme = isDark() ? "light" : "dark";
    store(page.dataset.theme);
    name();
  });
  system.addEventListener("change", name);
  name();

  // Contents: beside the text where there is room, behind the button elsewhere.
  const contents = document.getElementById("contents");
  const opener = document.getElementById("contents-button");
  const wide = matchMedia("(min-width: 70rem)");
  const show = (open) => {
    contents.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    page.classList.toggle("contents-hidden", !open);
  };
  page.classList.add("scripted");
  opener.addEventListener("click", () => show(contents.hidden));
  wide.addEventListener("change", () => show(wide.matches));
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a") && !wide.matches) show(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || wide.matches || contents.hidden) return;
    show(false);
    opener.focus();
  });
  show(wide.matches);
  const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  const mark = (id) => {
    for (const [anchor, link] of links) {
      if (anchor === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  const seen = new IntersectionObserver(
    (entries) => { for (const entry of entries) if (entry.isIntersecting) mark(entry.target.id); },
    { rootMargin: "-15% 0px -75% 0px" },
  );
  for (const section of document.querySelectorAll("main > section")) seen.observe(section);

  // Files: each table is in the page once, other places lead to it. A figure is kept as it is shown.
  const keep = (uri, file) => {
    const link = document.createElement("a");
    link.href = uri;
    link.download = file;
    link.click();
  };
  document.addEventListener("click", (event) => {
    const again = event.target.closest("a[data-file]");
    if (again) {
      event.preventDefault();
      document.getElementById(again.hash.slice(1)).click();
    }
    const figure = event.target.closest("button[data-figure]");
    if (!figure) return;
    const shown = figure.closest(".block").querySelector("img, svg");
    const uri = shown.src ?? `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(shown))}`;
    keep(uri, figure.dataset.figure);
  });
  // A link into folded content opens it.
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target?.closest("details");
    if (!folded || folded.open) return;
    folded.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();

  // Only what can be scrolled needs a stop of the Tab key.
  const scrolled = [...document.querySelectorAll(".scroll, .plate, pre")];
  const stops = () => {
    for (const part of scrolled) {
      const scrolls = part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight;
      if (scrolls) part.tabIndex = 0;
      else part.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", stops);
  addEventListener("load", stops);
  document.addEventListener("toggle", stops, true);

  // Tables: a click sorts the rows of each group, first up, then down, then as they were. What has no value stays last.
  const START = /^[<>≤≥]?\s*([-+]?[\d,]*\.?\d+)/;
  const number = (text) => {
    const found = START.exec(text.replace(/[\u2009\u202f\u00a0]/g, "").replace(/−/g, "-"));
    return found ? Number(found[1].replace(/,/g, "")) - (text.startsWith("<") ? 1e-9 : 0) : NaN;
  };
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const compare = (column, rows, down) => {
    const text = new Map(rows.map((row) => [row, row.cells[column].textContent.trim()]));
    const filled = [...text.values()].filter((value) => value && value !== "–");
    const counted = filled.filter((value) => !Number.isNaN(number(value))).length;
    // A cell of words among numbers is a note; among names that begin with a digit it is a name.
    const numeric = counted > 0 && (column > 0 || counted === filled.length);
    const missing = (value) => (numeric ? Number.isNaN(number(value)) : !value || value === "–");
    return (a, b) => {
      const [one, other] = [text.get(a), text.get(b)];
      if (missing(one) || missing(other)) return missing(one) - missing(other);
      const order = numeric ? number(one) - number(other) : words.compare(one, other);
      return down ? -order : order;
    };
  };
  const sort = (table, column, direction) => {
    for (const group of table.tBodies) {
      const rows = [...group.rows].filter((row) => !row.classList.contains("group"));
      const order = direction === "none"
        ? (a, b) => a.dataset.place - b.dataset.place
        : compare(column, rows, direction === "descending");
      group.append(...rows.sort(order));
    }
  };
  for (const table of document.querySelectorAll("main table")) {
    const groups = [...table.tBodies].map((group) => [...group.rows].filter((row) => !row.classList.contains("group")));
    if (!groups.some((rows) => rows.length > 1)) continue;
    groups.forEach((rows) => rows.forEach((row, place) => { row.dataset.place = place; }));
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (head.tagName !== "TH") return;
      const click = document.createElement("button");
      click.type = "button";
      click.append(...head.childNodes);
      head.append(click);
      click.addEventListener("click", () => {
        const next = { ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")] ?? "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        if (next !== "none") head.setAttribute("aria-sort", next);
        sort(table, column, next);
      });
    });
  }
})();
