/** The style sheet of the page: light and dark by the reader's setting, one column on a phone. */
export const style: string = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #16191f; --muted: #667085; --line: #e4e7ec; --grid: #eef0f3;
  --blue: #3b6fe0; --teal: #12967f; --orange: #e07b39; --violet: #8a63d2; --yellow: #c59a1a; --bad: #c4372b;
  --rose: #d0518f;
  --blue-soft: #dbe6fc;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1216; --card: #181c22; --text: #e8eaee; --muted: #98a1b0; --line: #2a303a; --grid: #232932;
    --blue: #6d9bff; --teal: #3fc4ab; --orange: #f39a5c; --violet: #ae8df0; --yellow: #e0bd4c; --bad: #f0766b;
    --rose: #f08abb;
    --blue-soft: #22325a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 6px; }
h2 { font-size: 21px; letter-spacing: -0.01em; margin: 48px 0 14px; }
h3 { font-size: 15px; margin: 0 0 2px; }
p { margin: 0 0 10px; }
.quiet { color: var(--muted); font-size: 14px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0 0; }
.card, .plot { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.card { padding: 14px 16px; }
.card b { display: block; font-size: 26px; line-height: 1.25; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.card b small { font-size: 15px; font-weight: 500; color: var(--muted); letter-spacing: 0; }
.card span { display: block; color: var(--muted); font-size: 13px; line-height: 1.4; }
.plots + .quiet { margin-top: 12px; }
.plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 14px; }
.plot { padding: 16px 18px 12px; margin: 0; min-width: 0; }
.plot.full { grid-column: 1 / -1; }
.plot figcaption { margin-bottom: 10px; }
.plot figcaption .quiet { font-size: 13px; }
.plot svg { display: block; width: 100%; height: auto; }
.plot svg.narrow { display: none; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 14px; margin-top: 4px; font-size: 13px; color: var(--muted); }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
.legend i.line { height: 0; border-top: 2px dashed; border-radius: 0; width: 16px; background: none; vertical-align: middle; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 14px; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--muted); font-weight: 500; font-size: 13px; }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 150px; font-weight: 500; }
td small { color: var(--muted); }
.bad { color: var(--bad); }
pre {
  margin: 0; padding: 12px 14px; overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; font: 12.5px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; tab-size: 4;
}
details { margin-top: 14px; }
details > summary { cursor: pointer; color: var(--muted); font-size: 14px; padding: 4px 0; }
details > *:not(summary) { margin-top: 10px; }
nav { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 18px; }
nav a {
  color: var(--text); text-decoration: none; font-size: 13px; padding: 4px 11px; border: 1px solid var(--line);
  border-radius: 999px; background: var(--card);
}
nav a:hover { border-color: var(--blue); }
footer { margin-top: 56px; padding-top: 18px; border-top: 1px solid var(--line); }
@media (max-width: 720px) {
  main { padding: 24px 14px 40px; }
  h1 { font-size: 24px; }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; }
  .card:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .card b { font-size: 22px; }
  .plots { grid-template-columns: minmax(0, 1fr); }
  .plot { padding: 14px 12px 10px; }
  .plot svg.wide { display: none; }
  .plot svg.narrow { display: block; }
  th, td { padding: 8px 10px; }
  th:first-child, td:first-child { position: sticky; left: 0; background: var(--card); min-width: 116px; max-width: 132px; }
}
@media print { body { background: none; } .plot, .card { break-inside: avoid; } }
`
