"""The script of the report: tables are sorted by a click on a column's name."""

JAVASCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const sort = (head, column) => {
    const descending = head.getAttribute("aria-sort") === "ascending";
    const key = row => row.cells[column].dataset.key;
    const known = [...body.rows].filter(row => key(row) !== undefined);
    const unknown = [...body.rows].filter(row => key(row) === undefined);
    const numbers = known.every(row => !Number.isNaN(toNumber(key(row))));
    const compare = (a, b) => numbers
      ? toNumber(key(a)) - toNumber(key(b))
      : key(a).localeCompare(key(b), undefined, { numeric: true });
    known.sort((a, b) => descending ? compare(b, a) : compare(a, b));
    body.append(...known, ...unknown);
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  };
  const toNumber = text => Number(text.replace("inf", "Infinity"));
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, column));
    head.append(button);
  });
}
"""
