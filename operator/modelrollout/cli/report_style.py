"""How a report looks: on a screen by day and by night, and on paper. Colours are told apart with any colour vision."""

STYLE = """
:root { --ink: #1b1b1b; --paper: #ffffff; --quiet: #5c5c5c; --line: #d9d9d9; --soft: #f5f5f5;
  --blue: #0072B2; --green: #00795a; --red: #b84a00; --amber: #8a5a00; --harm: #D55E0026; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececec; --paper: #16181b; --quiet: #a9a9a9; --line: #3a3d42; --soft: #202327;
    --blue: #56B4E9; --green: #35c99c; --red: #ff8f4d; --amber: #E69F00; --harm: #D55E0055; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main, footer { max-width: 1080px; margin: 0 auto; padding: 0 20px; }
header { padding: 28px 0 8px; }
h1 { font-size: 28px; margin: 0; } h2 { font-size: 19px; margin: 32px 0 8px; }
.above, .note, footer, dt { color: var(--quiet); } .above { margin: 0; } .note { font-size: 13px; margin: 4px 0; }
.says { font-size: 17px; margin: 8px 0; }
.badge { display: inline-block; padding: 1px 9px; border-radius: 10px; border: 1.5px solid currentColor;
  font-size: 14px; font-weight: 600; vertical-align: middle; white-space: nowrap; }
.good { color: var(--green); } .bad { color: var(--red); } .careful { color: var(--amber); }
.busy { color: var(--blue); }
dl { display: flex; flex-wrap: wrap; gap: 10px 28px; margin: 16px 0; } dl div { min-width: 90px; }
dt { font-size: 12px; } dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.whole { white-space: nowrap; } .wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
.wide svg { min-width: 110px; } .drawn { min-width: 200px; }
@media screen and (max-width: 800px) { .wide table { min-width: 640px; } }
th, td { text-align: left; vertical-align: top; padding: 7px 12px 7px 0; border-bottom: 1px solid var(--line); }
th { font-size: 12px; color: var(--quiet); font-weight: 600; } td { overflow-wrap: break-word; }
tr.now td { background: var(--soft); font-weight: 600; } tr.ahead td { color: var(--quiet); }
figure { margin: 12px 0; } figcaption { font-weight: 600; }
svg { max-width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--quiet); }
.grid, .axis { stroke: var(--line); } .weight { stroke: var(--blue); stroke-width: 2.5; }
.under { fill: var(--blue); opacity: .12; } .mark { fill: var(--blue); } .pass { fill: var(--green); }
.fail { fill: var(--red); } .undecided { fill: var(--blue); } .frame { fill: var(--soft); stroke: var(--line); }
.harm { fill: var(--harm); } .limit { stroke: var(--red); stroke-width: 2; } svg .limit-text { fill: var(--red); }
.equal { stroke: var(--quiet); stroke-dasharray: 3 3; } .interval { stroke: var(--blue); stroke-width: 3; }
.estimate { fill: var(--ink); } .gate { stroke: var(--quiet); stroke-dasharray: 2 4; }
.bound { stroke: var(--ink); stroke-dasharray: 6 4; }
.to-fail { stroke: var(--red); stroke-width: 2; }
.to-pass { stroke: var(--green); stroke-width: 2; stroke-dasharray: 8 3; }
.key { padding-bottom: 1px; border-bottom: 3px solid; } .key.to-fail { border-color: var(--red); }
.key.to-pass { border-bottom-style: dashed; border-color: var(--green); }
footer { margin-top: 32px; padding-bottom: 24px; font-size: 13px; }
@media print {
  :root { --ink: #000; --paper: #fff; --quiet: #444; --line: #bbb; --soft: #f2f2f2;
    --blue: #0072B2; --green: #00795a; --red: #b84a00; --amber: #8a5a00; --harm: #D55E0026; }
  * { print-color-adjust: exact; } body { font-size: 11px; } main { max-width: none; } .wide { overflow: visible; }
  section, tr, figure { break-inside: avoid; } @page { margin: 14mm; } }
"""
