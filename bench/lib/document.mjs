// The measured rows as Markdown, between two marks of docs/performance.md.
import { readFileSync, writeFileSync } from 'node:fs';

import { counted } from './words.mjs';

const [BEGIN, END] = ['<!-- measured: written by bench/run.mjs -->', '<!-- /measured -->'];

const figure = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const percent = (value) => `${(100 * value).toFixed(1)} %`;

/** The rows as a table, with a line on the machine. */
export function table({ machine, versions, threads, rows }) {
  const lines = [
    `${machine.processor}, ${machine.processors} processors, ${machine.memoryGiB} GiB, bf16 ${machine.bf16 ? 'in hardware' : 'absent'}, ${machine.system}; Node ${versions.node}; ${threads} threads unless said otherwise. Peers: ${versions.peers.join(', ')}.`,
    '',
    '| work | side | seconds (fastest–slowest) | images/s | peak memory | accuracy | ratio | target |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const row of rows.filter(({ isCurve }) => !isCurve))
    for (const [index, side] of row.sides.entries()) lines.push(`| ${cells(row, side, index).join(' | ')} |`);
  const gaps = rows.flatMap((row) => row.mrcGaps ?? []);
  if (gaps.length > 0) lines.push('', `MRC against the published procedure, module by module: ${gaps.map(gapText).join('; ')}.`);
  const curves = rows.filter(({ isCurve }) => isCurve);
  if (curves.length > 0) lines.push('', ...curveLines(curves));
  return lines.join('\n');
}

/** How cost grows: a line for each point, the sides beside each other; ratios are against the peer of the point. */
function curveLines(curves) {
  const lines = ['| work | point | sides: seconds, images/s, peak memory | ratio |', '| --- | --- | --- | ---: |'];
  for (const { title, rounds, sides } of curves) {
    for (const [index, point] of [...new Set(sides.map((side) => side.point))].entries()) {
      const here = sides.filter((side) => side.point === point);
      const peer = here.find(({ side }) => side === 'peer');
      const ours = here.filter(({ side }) => side === 'ours');
      const text = (side) =>
        `${side.side === 'ours' ? `**RiFT, ${side.name}**` : side.name}: ${figure(side.seconds)}, ${figure(side.imagesPerSecond)}, ${Math.round(side.peakMiB)} MiB`;
      const ratio = ours.map((side) => (peer.seconds / side.seconds).toFixed(2)).join('; ');
      lines.push(
        `| ${index === 0 ? `${title} (${counted(rounds, 'round')})` : ''} | ${point} | ${here.map(text).join('<br>')} | ${ratio} |`,
      );
    }
  }
  return lines;
}

const signed = (value) => `${value < 0 ? '−' : '+'}${percent(Math.abs(value))}`;
const gapText = ({ name, lowest, highest }) =>
  `\`${name}\` ${signed(lowest.gap)} (${lowest.module}) to ${signed(highest.gap)} (${highest.module})`;

function cells({ title, rounds, sides, ratios, limits }, side, index) {
  const ratio = ratios.find(({ name }) => name === side.name);
  const isMet = ratio !== undefined && ratio.ratio >= ratio.target;
  return [
    index === 0 ? `${title} (${counted(rounds, 'round')})` : '',
    side.side === 'ours' ? `**RiFT, ${side.name}**` : side.name,
    `${figure(side.seconds)} (${figure(side.fastest)}–${figure(side.slowest)})`,
    side.imagesPerSecond === undefined ? '' : figure(side.imagesPerSecond),
    side.peakMiB === undefined ? '' : `${Math.round(side.peakMiB)} MiB`,
    side.accuracy === undefined ? '' : percent(side.accuracy),
    ratio === undefined ? '' : `${sides.length > 2 ? `${ratio.against} × ` : ''}${ratio.ratio.toFixed(2)}${isMet ? '' : ' (missed)'}`,
    ratio !== undefined ? String(ratio.target) : limits !== undefined ? verdict(side, limits) : '',
  ];
}

function verdict(side, limits) {
  const broken = Object.entries(limits).filter(([name, limit]) => side[name] > limit);
  return broken.length === 0 ? 'kept' : `missed: ${broken.map(([name]) => name).join(', ')}`;
}

/** Puts the table into a document. @throws Error when the document has no marks */
export function writeInto(path, results) {
  const document = readFileSync(path, 'utf8');
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path}: the marks "${BEGIN}" and "${END}" are missing`);
  writeFileSync(path, `${document.slice(0, begin + BEGIN.length)}\n\n${table(results)}\n\n${document.slice(end)}`);
}
