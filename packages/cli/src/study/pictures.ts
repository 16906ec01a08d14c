import type { CellResult } from './collect.js';
import type { StudyDocument } from './document.js';
import { barRows, lineChart } from './svg.js';

/** The pictures of a study by file name; tables have none. */
export function picturesOf(document: StudyDocument): Readonly<Record<string, string>> {
  const done = document.cells.filter(({ state }) => state === 'done');
  if (done.length === 0) return {};
  if (document.study === 'fig1') return { 'fig1.svg': walks(done.filter(({ seed }) => seed === done[0]?.seed)) };
  if (document.study !== 'fig3') return {};
  return Object.fromEntries(done.map((cell) => [`fig3-${cell.row}${cell.seed === 0 ? '' : `-seed${cell.seed}`}.svg`, modules(cell)]));
}

function walks(cells: readonly CellResult[]): string {
  const series = cells.map(({ title, modules: names, path, alpha }) => ({
    name: names.length === 1 ? `${title} (${names[0]})` : title,
    points: path.map((point) => ({
      x: Number((point.standard.accuracy * 100).toFixed(4)),
      y: Number((point.adversarial.accuracy * 100).toFixed(4)),
      marked: point.alpha === alpha,
    })),
  }));
  const labels = { x: 'standard accuracy, %', y: 'adversarial accuracy, %' };
  return lineChart('From the original to the fine-tuned weights (large dot: alpha chosen)', labels, series);
}

/** @param cell one whose modules were measured */
function modules({ criticality, title }: CellResult): string {
  const forward = [...criticality].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return barRows(
    `Criticality of every module, ${title}`,
    forward.map(({ name }) => name),
    [
      { label: 'Adv lost, points', values: forward.map(({ robustAccuracyDrop }) => robustAccuracyDrop * 100), digits: 1 },
      { label: 'MRC, nats', values: forward.map(({ mrc }) => mrc), digits: 2 },
    ],
  );
}
