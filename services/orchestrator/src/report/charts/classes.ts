import { axisX, axisY, dot, ruleY } from '@observablehq/plot';
import type { ClassData, ClassesData } from '../data/types.js';
import { percent } from '../format.js';
import { COLOUR, type Chart } from './svg.js';

/** Classes drawn; of data sets with more, those that changed most. */
const MOST_CLASSES = 30;

/** Accuracy of each class before (ring) and after (dot). */
export function classChart({ classes }: ClassesData): Chart {
  const change = ({ before, after }: ClassData): number => after.accuracy - before.accuracy;
  const shown = [...classes].sort((a, b) => Math.abs(change(b)) - Math.abs(change(a))).slice(0, MOST_CLASSES);
  shown.sort((a, b) => change(b) - change(a));
  const rows = shown.map((entry) => ({ name: entry.name, before: 100 * entry.before.accuracy, after: 100 * entry.after.accuracy }));
  const longest = Math.max(...rows.map(({ name }) => name.length));
  const [best, worst] = [shown[0], shown.at(-1)];
  const words = (entry: ClassData | undefined): string =>
    entry ? `${entry.name} (${percent(entry.before.accuracy, 1)} to ${percent(entry.after.accuracy, 1)})` : 'none';
  return {
    title: 'Standard accuracy by class',
    alt: `Accuracy of ${rows.length} classes before and after. Largest rise: ${words(best)}; largest fall or smallest rise: ${words(worst)}.`,
    caption:
      'Clean images. The images of one class are few, so single classes move by chance; the table has the intervals.' +
      (classes.length > shown.length ? ` The ${shown.length} of ${classes.length} classes that changed most are drawn.` : ''),
    legend: [
      { colour: COLOUR.quiet, shape: 'ring', label: 'before' },
      { colour: COLOUR.standard, shape: 'dot', label: 'after' },
    ],
    draw: ({ isNarrow }) => ({
      height: rows.length * 24 + 56,
      marginLeft: Math.min(longest * (isNarrow ? 6.8 : 7.4) + 14, isNarrow ? 150 : 260),
      marginRight: 16,
      marginTop: 6,
      marginBottom: 44,
      x: { nice: true, label: null },
      y: { domain: rows.map(({ name }) => name), label: null },
      marks: [
        axisX({ label: 'Accuracy (%) →', labelAnchor: 'right', labelArrow: 'none', fill: COLOUR.text, ticks: isNarrow ? 5 : 8 }),
        axisY({ tickSize: 0, fill: COLOUR.text }),
        ruleY(rows, { y: 'name', stroke: COLOUR.grid }),
        ruleY(rows, { y: 'name', x1: 'before', x2: 'after', stroke: COLOUR.standard, strokeWidth: 3, strokeOpacity: 0.5 }),
        dot(rows, { x: 'before', y: 'name', r: 4.5, fill: COLOUR.paper, stroke: COLOUR.quiet, strokeWidth: 2 }),
        dot(rows, { x: 'after', y: 'name', r: 5, fill: COLOUR.standard }),
      ],
    }),
  };
}
