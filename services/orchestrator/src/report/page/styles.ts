/** Style sheet of the report: system fonts, light and dark, phone and paper. */
export const STYLES = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --paper: #ffffff; --text: #1c2430; --soft: #5a6675; --grid: #dfe4ea; --line: #e3e7ec;
  --standard: #0b66c3; --adversarial: #c4500a; --ood: #7a4fb5; --chosen: #0b66c3; --tied: #7fb2e5; --quiet: #a9b4c0;
  --good: #0a6c74; --bad: #b3361b; --mixed: #8a6100;
  --good-paper: #e5f3f4; --bad-paper: #fbebe6; --mixed-paper: #fbf3df; --code: #eef1f5; --shade: rgb(20 30 45 / 22%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10151b; --paper: #181f28; --text: #e6ebf1; --soft: #9eabb9; --grid: #2c3743; --line: #2a343f;
    --standard: #62aef7; --adversarial: #f79a57; --ood: #bf9cf0; --chosen: #62aef7; --tied: #35618d; --quiet: #5b6877;
    --good: #5cc8cf; --bad: #ff9878; --mixed: #e8bd5a;
    --good-paper: #10292c; --bad-paper: #331c15; --mixed-paper: #2d2513; --code: #222b36; --shade: rgb(0 0 0 / 65%);
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main, header, footer, nav { max-width: 980px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 36px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 0 0 12px; }
h3 { font-size: 1.02rem; margin: 24px 0 8px; }
p { margin: 0 0 12px; }
a { color: var(--standard); }
small { color: var(--soft); font-size: 0.82em; font-weight: normal; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.9em; overflow-wrap: anywhere; }
pre { background: var(--code); padding: 12px 14px; border-radius: 8px; overflow-x: auto; max-height: 480px; overflow-wrap: normal; }
pre.wrapped { white-space: pre-wrap; overflow-wrap: anywhere; }
:focus-visible { outline: 3px solid var(--standard); outline-offset: 2px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; background: var(--paper); padding: 8px; z-index: 1; }
.sub, .meta, .quiet { color: var(--soft); }
.meta { margin-bottom: 20px; overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 8px 0 28px; padding: 0; font-size: 0.94rem; }
main > section, .cautions { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px; margin: 0 0 20px; }
.verdict { border-radius: 12px; padding: 20px 24px; margin: 0 0 16px; border: 1px solid; border-left-width: 8px; }
.verdict .label { font-weight: 700; font-size: 0.86rem; letter-spacing: 0.04em; text-transform: uppercase; margin: 0 0 6px; }
.verdict .text { font-size: 1.22rem; line-height: 1.45; margin: 0; text-wrap: pretty; }
.plain { background: var(--paper); border-color: var(--quiet); } .plain .label { color: var(--soft); }
.good { background: var(--good-paper); border-color: var(--good); } .good .label { color: var(--good); }
.mixed { background: var(--mixed-paper); border-color: var(--mixed); } .mixed .label { color: var(--mixed); }
.bad { background: var(--bad-paper); border-color: var(--bad); } .bad .label { color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(205px, 1fr)); gap: 14px; margin: 0 0 20px; }
.tile { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px; }
.tile h2 { font-size: 0.98rem; margin: 0; }
.tile .note { color: var(--soft); font-size: 0.82rem; line-height: 1.35; margin: 2px 0 8px; min-height: 2.7em; }
.tile .figures { font-size: 1.25rem; line-height: 1.25; margin: 0 0 6px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tile .figures b { font-size: 1.1em; }
.tile .module { font-size: 1.05rem; white-space: normal; overflow-wrap: anywhere; min-height: 1.5em; }
.tile .was, .tile .arrow { color: var(--soft); font-size: 0.82em; }
.tile .change { margin: 0; font-weight: 600; line-height: 1.35; }
.tile .change small { display: block; }
.gain { color: var(--good); font-weight: 600; } .loss { color: var(--bad); font-weight: 600; } .same { color: var(--text); }
.cautions { border-left: 4px solid var(--mixed); }
.cautions h2 { font-size: 1.05rem; margin-bottom: 6px; }
.cautions ul, .flags { margin: 0; padding-left: 20px; }
.cautions li, .flags li { margin: 4px 0; }
.chart { margin: 0 0 18px; }
.chart h3 { margin: 4px 0 6px; }
.chart figcaption, .reading { color: var(--soft); font-size: 0.88rem; margin-top: 4px; }
.chart svg.wide, .chart svg.narrow { max-width: 100%; height: auto; overflow: visible; }
.chart svg.wide { display: block; } .chart svg.narrow { display: none; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; list-style: none; margin: 0 0 6px; padding: 0; font-size: 0.86rem; }
.key { vertical-align: -1px; margin-right: 6px; }
.scroll { overflow-x: auto; margin: 0 0 14px; background: linear-gradient(to right, var(--paper) 30%, transparent) 0 0 / 40px 100% no-repeat local,
  linear-gradient(to left, var(--paper) 30%, transparent) 100% 0 / 40px 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) 0 0 / 14px 100% no-repeat scroll,
  linear-gradient(to left, var(--shade), transparent) 100% 0 / 14px 100% no-repeat scroll; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: 0.86rem; padding: 4px 0 6px; }
th, td { padding: 7px 12px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; text-align: right; }
th:last-child, td:last-child { padding-right: 2px; }
tbody th, .word { text-align: left; }
.of::before { content: " · "; }
thead td { border-bottom-width: 2px; }
thead th { font-weight: 600; color: var(--soft); vertical-align: bottom; border-bottom-width: 2px; line-height: 1.25; }
tbody th { font-weight: 500; min-width: 8em; }
tbody th small { display: block; line-height: 1.3; }
td small { display: block; white-space: nowrap; }
td .value { white-space: nowrap; }
.cell { white-space: nowrap; } .mark { display: inline-block; width: 1.2em; text-align: right; font-size: 0.85em; }
.pair { white-space: nowrap; } .pair .was { color: var(--soft); }
details { margin: 4px 0 16px; }
summary { cursor: pointer; color: var(--standard); padding: 6px 0; }
dl { display: grid; grid-template-columns: minmax(0, 1fr); margin: 0 0 14px; font-size: 0.94rem; }
dl > div { display: grid; grid-template-columns: 220px minmax(0, 1fr); gap: 0 16px; padding: 5px 0; border-bottom: 1px solid var(--line); }
dt { color: var(--soft); overflow-wrap: anywhere; } dd { margin: 0; overflow-wrap: anywhere; }
.digest { font-size: 0.82em; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(266px, 1fr)); gap: 14px; }
.picture { margin: 0; } .picture div { display: grid; grid-template-columns: repeat(3, 1fr); gap: 4px; }
.picture img { width: 100%; height: auto; image-rendering: pixelated; border-radius: 4px; background: var(--code); display: block; }
.picture figcaption { font-size: 0.86rem; margin-top: 4px; } .picture small { float: right; }
.downloads { display: flex; flex-wrap: wrap; gap: 8px; list-style: none; padding: 0; margin: 0; }
.downloads a { display: inline-block; border: 1px solid var(--line); border-radius: 8px; padding: 5px 12px; text-decoration: none; background: var(--paper); }
footer { color: var(--soft); font-size: 0.86rem; padding-top: 4px; padding-bottom: 36px; }
@media (max-width: 640px) {
  body { font-size: 15px; }
  main, header, footer, nav { padding-left: 14px; padding-right: 14px; }
  header { padding-top: 22px; }
  main > section, .cautions, .verdict { padding: 16px 14px; }
  .verdict .text { font-size: 1.08rem; }
  .tiles { grid-template-columns: 1fr; gap: 10px; }
  .tile .note { min-height: 0; }
  .chart svg.wide { display: none; } .chart svg.narrow { display: block; }
  .scroll tbody th, .scroll thead th:first-child { position: sticky; left: 0; background: var(--paper); max-width: 38vw; padding-right: 10px; }
  nav ul { flex-wrap: nowrap; overflow-x: auto; white-space: nowrap; padding-bottom: 6px; margin-bottom: 16px; }
  .of { display: block; } .of::before { content: none; }
  .finding { display: block; min-width: 220px; }
  tbody th { min-width: 7em; overflow-wrap: break-word; }
  dl > div { grid-template-columns: minmax(0, 1fr); }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print {
  :root { --page: #fff; --paper: #fff; --text: #000; }
  body { font-size: 10.5pt; }
  nav, .downloads, .skip { display: none; }
  main > section, .tile, .cautions { border: none; padding-left: 0; padding-right: 0; }
  .tiles { grid-template-columns: repeat(4, 1fr); gap: 8px; } .tile { padding: 8px 0; } .tile .figures { font-size: 1rem; }
  .verdict, .chart, .picture, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; background: none; }
  table { font-size: 7.5pt; } th, td { padding: 3px 6px 3px 0; } td small { white-space: normal; }
  pre { max-height: none; white-space: pre-wrap; }
}
`;
