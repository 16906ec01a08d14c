/** Style sheet of the site, on top of the report's: navigation, runs, forms. */
export const APP_STYLES = `
:root { --accent: #0b5cad; --accent-text: #ffffff; --bar: #ffffffe6; --hover: #eef3f9; --track: #e2e8ef; --field: #ffffff; --edge: #c3ccd6; }
@media (prefers-color-scheme: dark) {
  :root { --accent: #7dbbf8; --accent-text: #0d1722; --bar: #161d26e6; --hover: #212b37; --track: #2b3744; --field: #11181f; --edge: #455363; }
}
main, header, footer, .bar-in { max-width: 1120px; }
.bar { position: sticky; top: 0; z-index: 5; background: var(--bar); backdrop-filter: blur(8px); border-bottom: 1px solid var(--line); }
.bar-in { display: flex; align-items: center; gap: 8px 22px; margin: 0 auto; padding: 9px 20px; }
.brand { display: inline-flex; align-items: center; gap: 9px; font-weight: 700; font-size: 1.08rem; color: var(--text); text-decoration: none; letter-spacing: -0.01em; }
.brand img { border-radius: 7px; display: block; }
nav.site { flex: 1; margin: 0; padding: 0; max-width: none; min-width: 0; }
nav.site ul { margin: 0; gap: 2px; flex-wrap: nowrap; overflow-x: auto; padding: 0; scrollbar-width: none; }
nav.site a { display: block; padding: 6px 11px; border-radius: 8px; color: var(--soft); text-decoration: none; white-space: nowrap; font-weight: 500; }
nav.site a:hover { background: var(--hover); color: var(--text); }
nav.site a[aria-current] { color: var(--text); background: var(--hover); }
header.title { display: flex; flex-wrap: wrap; align-items: flex-start; justify-content: space-between; gap: 12px 24px; padding-top: 30px; margin-bottom: 20px; }
header.title > div:first-child { flex: 1 1 420px; min-width: 0; }
h1 { letter-spacing: -0.015em; text-wrap: balance; }
.lead { color: var(--soft); }
.lead p { margin: 4px 0 0; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; align-items: flex-start; padding-top: 2px; }
.actions form { margin: 0; }
.button, button { display: inline-block; font: inherit; font-weight: 600; font-size: 0.94rem; line-height: 1.3; padding: 8px 15px; border-radius: 9px; border: 1px solid var(--edge); background: var(--paper); color: var(--text); text-decoration: none; cursor: pointer; }
.button:hover, button:hover { background: var(--hover); }
.primary, .primary:hover { background: var(--accent); border-color: var(--accent); color: var(--accent-text); }
.primary:hover { filter: brightness(1.08); }
.danger { color: var(--bad); border-color: var(--bad); }
.small { padding: 4px 10px; font-size: 0.85rem; border-radius: 7px; }
.plain-button { border-color: transparent; background: none; color: var(--soft); font-weight: 500; padding: 6px 8px; }
.bar form { margin: 0; }
.menu { position: relative; margin: 0; }
.menu > summary { list-style: none; color: var(--text); }
.menu > summary::-webkit-details-marker { display: none; }
.menu[open] > summary { background: var(--hover); }
.menu > div { position: absolute; right: 0; top: calc(100% + 6px); z-index: 4; width: min(320px, 84vw); background: var(--paper); border: 1px solid var(--edge); border-radius: 12px; padding: 16px; box-shadow: 0 12px 32px rgb(10 20 35 / 22%); }
.menu > div p { font-size: 0.9rem; margin-bottom: 12px; }
main > div > section { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px; margin: 0 0 20px; }
main .chart svg.wide { width: 100%; }
main > .notice, main > div > .notice { border-radius: 12px; padding: 14px 18px; margin: 0 0 20px; border: 1px solid var(--bad); background: var(--bad-paper); }
.notice p:last-child, .notice ul { margin-bottom: 0; }
main > .empty { text-align: center; padding: 48px 24px; }
.empty h2 { margin-bottom: 6px; } .empty p { color: var(--soft); max-width: 54ch; margin-left: auto; margin-right: auto; }
.state { display: inline-flex; align-items: center; gap: 7px; font-size: 0.86rem; font-weight: 600; white-space: nowrap; color: var(--soft); }
.state::before { content: ""; width: 9px; height: 9px; border-radius: 50%; background: var(--quiet); flex: none; }
.state.running { color: var(--standard); } .state.running::before { background: var(--standard); animation: pulse 1.6s ease-in-out infinite; }
.state.succeeded { color: var(--good); } .state.succeeded::before { background: var(--good); }
.state.failed { color: var(--bad); } .state.failed::before { background: var(--bad); border-radius: 2px; }
.state.cancelled::before { background: none; border: 2px solid var(--quiet); }
@keyframes pulse { 50% { opacity: 0.35; transform: scale(0.8); } }
progress { appearance: none; display: block; width: 100%; height: 7px; border: none; border-radius: 4px; background: var(--track); overflow: hidden; }
progress::-webkit-progress-bar { background: var(--track); border-radius: 4px; }
progress::-webkit-progress-value { background: var(--standard); border-radius: 4px; transition: width 0.4s linear; }
progress::-moz-progress-bar { background: var(--standard); border-radius: 4px; }
.failed progress::-webkit-progress-value { background: var(--bad); }
.rows { width: 100%; }
.rows th, .rows td { text-align: left; padding: 11px 14px 11px 0; vertical-align: middle; }
.rows .right { text-align: right; }
.rows thead th { padding-top: 2px; font-size: 0.84rem; }
.rows tbody tr:last-child > * { border-bottom: none; }
.rows tbody tr:hover > * { background: var(--hover); }
.rows tbody tr > :first-child { padding-left: 10px; border-radius: 8px 0 0 8px; } .rows thead tr > :first-child { padding-left: 10px; }
.rows tbody tr > :last-child { border-radius: 0 8px 8px 0; padding-right: 10px; }
.rows tbody th { font-weight: 600; min-width: 10em; } .rows tbody th a { text-decoration: none; } .rows tbody th a:hover { text-decoration: underline; }
.rows small { display: block; }
.rows .doing { min-width: 130px; }
.rows .pick { width: 1%; text-align: center; } .rows .pick input { vertical-align: middle; }
.filters { display: flex; flex-wrap: wrap; gap: 4px; margin: 0 0 14px; padding: 0; list-style: none; font-size: 0.92rem; }
.filters a { display: block; padding: 5px 12px; border-radius: 999px; text-decoration: none; color: var(--soft); border: 1px solid transparent; }
.filters a:hover { background: var(--hover); } .filters a[aria-current] { border-color: var(--edge); color: var(--text); background: var(--paper); }
.below { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: 10px; margin-top: 12px; }
.below p { margin: 0; color: var(--soft); font-size: 0.9rem; }
.stages { list-style: none; margin: 0; padding: 0; }
.stages > li { display: grid; grid-template-columns: 108px minmax(0, 1fr) 190px; gap: 4px 18px; align-items: center; padding: 10px 0; border-bottom: 1px solid var(--line); }
.stages > li:last-child { border-bottom: none; padding-bottom: 0; } .stages > li:first-child { padding-top: 0; }
.stages .what { font-weight: 500; } .stages .what small { display: block; font-weight: 400; }
.stages .how { color: var(--soft); font-size: 0.87rem; text-align: right; font-variant-numeric: tabular-nums; }
.stages progress { margin-top: 7px; grid-column: 2 / -1; }
.stages .queued .what { color: var(--soft); font-weight: 400; }
.stages .failure { grid-column: 2 / -1; margin: 4px 0 0; color: var(--bad); font-size: 0.92rem; overflow-wrap: anywhere; }
.figures-now { color: var(--soft); font-size: 0.85rem; font-variant-numeric: tabular-nums; }
.log { max-height: 300px; overflow-y: auto; margin: 0; padding: 12px 14px; list-style: none; background: var(--code); border-radius: 8px; font: 0.84rem/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.log li { display: grid; grid-template-columns: 74px minmax(0, 1fr); gap: 10px; overflow-wrap: anywhere; } .log time { color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: 16px; margin: 0 0 20px; padding: 0; list-style: none; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 18px 20px; display: flex; flex-direction: column; gap: 10px; min-width: 0; }
.card h2 { font-size: 1.08rem; margin: 0; overflow-wrap: anywhere; } .card h2 a { text-decoration: none; }
.card p { margin: 0; } .card .foot { display: flex; flex-wrap: wrap; gap: 8px; margin-top: auto; padding-top: 4px; align-items: center; }
.strip { display: block; width: 100%; height: auto; image-rendering: pixelated; border-radius: 6px; background: var(--code); }
.strips { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 14px 22px; margin: 0; padding: 0; list-style: none; }
.strips figure { margin: 0; } .strips figcaption { font-size: 0.88rem; margin-bottom: 4px; display: flex; justify-content: space-between; } .strips figcaption span { color: var(--soft); }
.numbers { display: flex; flex-wrap: wrap; gap: 4px 22px; font-variant-numeric: tabular-nums; }
.numbers b { font-size: 1.12rem; } .numbers span { color: var(--soft); font-size: 0.86rem; }
form.sheet > section, form.sheet > fieldset, main > form.sheet { max-width: none; }
form.sheet > fieldset { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 20px 24px 22px; margin: 0 0 18px; }
form.sheet > fieldset > legend { float: left; width: 100%; font-size: 1.1rem; font-weight: 700; margin-bottom: 12px; padding: 0; }
form.sheet > fieldset > legend + * { clear: both; }
.fields { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 16px 20px; }
.field { display: flex; flex-direction: column; gap: 5px; min-width: 0; }
.field > label, .field > .label { font-weight: 600; font-size: 0.93rem; }
.field .hint { color: var(--soft); font-size: 0.84rem; line-height: 1.4; }
.field .wrong { color: var(--bad); font-size: 0.88rem; font-weight: 600; }
input, select, textarea { font: inherit; color: inherit; }
input:not([type="radio"], [type="checkbox"], [type="hidden"]), select, textarea { width: 100%; padding: 8px 11px; border: 1px solid var(--edge); border-radius: 8px; background: var(--field); height: 42px; }
input[type="file"] { padding: 6px; }
input[type="file"]::file-selector-button { font: inherit; font-size: 0.9rem; padding: 2px 10px; margin-right: 10px; border: 1px solid var(--edge); border-radius: 6px; background: var(--hover); color: var(--text); }
input[type="radio"], input[type="checkbox"] { accent-color: var(--accent); width: 17px; height: 17px; margin: 0; flex: none; }
[aria-invalid="true"] { border-color: var(--bad) !important; }
.choices { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 10px; }
.choice { display: grid; grid-template-columns: 17px minmax(0, 1fr); gap: 3px 11px; align-items: center; border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; cursor: pointer; align-content: start; }
.choice:hover { border-color: var(--edge); } .choice:has(:checked) { border-color: var(--accent); background: var(--hover); box-shadow: inset 0 0 0 1px var(--accent); }
.choice b { font-weight: 600; } .choice small { grid-column: 2; line-height: 1.4; }
.tick { display: flex; gap: 10px; align-items: center; font-weight: 500; }
.submit { display: flex; flex-wrap: wrap; gap: 12px; align-items: center; margin: 0 0 24px; } .submit p { margin: 0; color: var(--soft); font-size: 0.9rem; }
fieldset details { margin: 10px 0 0; } fieldset details > summary { font-weight: 500; } fieldset details > .fields { padding-top: 8px; }
.narrow { max-width: 460px; margin-left: auto; margin-right: auto; }
.offline .state.running::before { animation: none; background: var(--quiet); }
.endpoint { border-top: 1px solid var(--line); } .endpoint > summary { display: grid; grid-template-columns: 66px minmax(0, auto) minmax(0, 1fr); gap: 12px; align-items: baseline; color: var(--text); padding: 11px 0; list-style: none; }
.endpoint > summary::-webkit-details-marker { display: none; } .endpoint > summary > span { color: var(--soft); text-align: right; font-size: 0.92rem; } .endpoint { margin: 0; }
.endpoint > div { padding: 0 0 14px 78px; }
.verb { font: 700 0.76rem/1 ui-monospace, monospace; text-align: center; padding: 5px 0; border-radius: 6px; background: var(--hover); color: var(--standard); align-self: center; }
.verb.post, .verb.put { color: var(--good); } .verb.delete { color: var(--bad); }
.downloads form { margin: 0; display: inline; } .downloads button { font-weight: 400; padding: 5px 12px; border-radius: 8px; border-color: var(--line); color: var(--standard); font-size: 1rem; line-height: 1.55; }
@media (max-width: 760px) {
  .bar-in { flex-wrap: wrap; padding: 9px 14px; gap: 8px 12px; } .brand { flex: 1; }
  nav.site { order: 5; flex: 1 0 100%; margin: 0 -6px; } nav.site ul { justify-content: space-between; gap: 0; } nav.site a { padding: 6px 9px; }
  header.title { padding-top: 18px; margin-bottom: 14px; }
  .stages > li { grid-template-columns: minmax(0, 1fr) auto; } .stages .what, .stages progress, .stages .failure { grid-column: 1 / -1; } .stages .what { grid-row: 1; }
  main > div > section { padding: 16px 14px; }
  .rows thead { display: none; }
  .rows, .rows tbody { display: block; } .rows tbody tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 4px 12px; padding: 12px 0; border-bottom: 1px solid var(--line); }
  .rows tbody tr:last-child { border-bottom: none; }
  .rows tbody tr > *, .rows tbody tr > :first-child, .rows tbody tr > :last-child { display: block; border: none; padding: 0; position: static; max-width: none; background: none; }
  .rows tbody tr:hover > * { background: none; }
  .rows .wide-only { display: none !important; } .rows tbody th { grid-column: 1 / -1; } .rows .pick { grid-row: 1; grid-column: 2; } .rows:has(.pick) tbody th { grid-column: 1; grid-row: 1; }
  .rows .doing { grid-column: 1 / -1; }
  form.sheet > fieldset { padding: 16px 14px; } .strips { grid-template-columns: 1fr; }
  .endpoint > summary { grid-template-columns: 58px minmax(0, 1fr); } .endpoint > summary > span { grid-column: 1 / -1; text-align: left; } .endpoint > div { padding-left: 0; }
}
@media (prefers-reduced-motion: reduce) { .state.running::before { animation: none; } progress::-webkit-progress-value { transition: none; } }
`;
