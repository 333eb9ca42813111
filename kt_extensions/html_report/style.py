"""The style sheet of the report."""

CSS = """
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --paper: #ffffff; --ink: #22262b; --quiet: #646c76; --line: #999fa6;
  --grid: #e4e7eb; --best: #0072b2; --trial: #56b4e9; --failed: #c24f00; --mark: #eaf4fb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --paper: #1d2126; --ink: #e4e7ea; --quiet: #a0a8b1; --line: #6a727b;
    --grid: #30363d; --best: #7cc7f5; --trial: #3f8ec0; --failed: #ff8a4c; --mark: #1c3344;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 74rem; padding: 2rem 1.25rem 3rem;
  background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 0.75rem; font-size: 1.2rem; }
p { margin: 0.35rem 0; }
.quiet, footer { color: var(--quiet); }
footer { margin-top: 2.5rem; font-size: 0.85rem; }
.tiles { display: flex; flex-wrap: wrap; gap: 0.75rem; margin: 1.5rem 0 0; }
.tiles div {
  flex: 1 1 12rem; padding: 0.9rem 1.1rem; background: var(--paper);
  border: 1px solid var(--grid); border-radius: 10px;
}
.tiles dt { color: var(--quiet); font-size: 0.85rem; }
.tiles dd { margin: 0; font-size: 0.85rem; color: var(--quiet); overflow-wrap: anywhere; }
.tiles dd.large {
  font-size: 1.6rem; font-weight: 650; line-height: 1.3; color: var(--ink);
  font-variant-numeric: tabular-nums;
}
.tiles div:first-child dd.large { color: var(--best); }
.first { display: flex; flex-wrap: wrap; gap: 0.75rem 2rem; margin-top: 0.75rem; }
.first section { flex: 1 1 18rem; min-width: 0; }
.first section h2 { margin-top: 0.75rem; }
.first figure { flex: 3 1 30rem; min-width: 0; }
.figures { display: flex; flex-wrap: wrap; gap: 0.75rem; }
.figures figure { flex: 1 1 28rem; min-width: 0; }
figure {
  margin: 0; padding: 1rem; background: var(--paper);
  border: 1px solid var(--grid); border-radius: 10px;
}
.figures .wide { flex-basis: 100%; }
.shaded svg { --paper: #ffffff; --ink: #22262b; --line: #999fa6; --grid: #e4e7eb;
  --best: #0072b2; --trial: #56b4e9; --failed: #c24f00; }
@media (prefers-color-scheme: dark) {
  .shaded svg { filter: invert(0.9) hue-rotate(180deg); mix-blend-mode: lighten; }
}
figure svg { display: block; width: 100%; height: auto; margin: 0 auto; }
figure svg * { stroke-linecap: butt; stroke-linejoin: round; }
figcaption { margin-bottom: 0.25rem; font-size: 0.9rem; font-weight: 600; }
.scroll {
  max-height: 42rem; overflow: auto; background: var(--paper);
  border: 1px solid var(--grid); border-radius: 10px;
}
table { border-collapse: collapse; font-size: 0.9rem; }
.scroll table { width: 100%; }
th, td { padding: 0.38rem 0.8rem; text-align: left; white-space: nowrap; }
td, tbody th { border-top: 1px solid var(--grid); font-weight: inherit; }
thead th {
  position: sticky; top: 0; background: var(--paper); color: var(--quiet);
  font-weight: 600; box-shadow: inset 0 -1px var(--grid);
}
.number { text-align: right; font-variant-numeric: tabular-nums; }
.values { width: 100%; background: var(--paper); border: 1px solid var(--grid); border-radius: 10px;
  border-collapse: separate; border-spacing: 0; }
.values tr:first-child > * { border-top: 0; }
.values th, .values td { white-space: normal; overflow-wrap: anywhere; }
.values td { text-align: left; font-family: ui-monospace, Menlo, Consolas, monospace; }
tr.best td { background: var(--mark); }
th button { all: unset; cursor: pointer; }
th button:focus-visible, .scroll:focus-visible { outline: 2px solid var(--best); }
th button::after { content: "\\2195"; margin-left: 0.3em; opacity: 0.35; }
[aria-sort=ascending] button::after { content: "\\2191"; opacity: 1; }
[aria-sort=descending] button::after { content: "\\2193"; opacity: 1; }
.status::before {
  content: ""; display: inline-block; width: 0.6em; height: 0.6em; margin-right: 0.45em;
  border: 2px solid var(--trial); border-radius: 50%;
}
.completed::before { background: var(--trial); }
.failed::before, .invalid::before {
  border-color: var(--failed); border-radius: 0; background: var(--failed); rotate: 45deg;
}
.running::before { border-color: var(--line); border-style: dotted; }
details {
  margin: 0.5rem 0; padding: 0.6rem 1rem; background: var(--paper);
  border: 1px solid var(--grid); border-left: 4px solid var(--failed); border-radius: 6px;
}
summary { cursor: pointer; overflow-wrap: anywhere; }
pre { margin: 0.6rem 0 0.2rem; overflow-x: auto; font-size: 0.8rem; line-height: 1.4; }
@media print {
  body { max-width: none; padding: 0; background: none; }
  .scroll { max-height: none; overflow: visible; }
  figure, details, .tiles div { break-inside: avoid; }
}
"""
