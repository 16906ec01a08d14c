import { areaY, axisX, axisY, dot, gridY, line, ruleX, ruleY, text } from '@observablehq/plot';
import type { ChangeData, PathData, PathPointData } from '../data/types.js';
import { points, pointTick, signedPoints } from '../format.js';
import { COLOUR, type Chart } from './svg.js';

interface Row {
  readonly alpha: number;
  readonly change: number;
  readonly low: number;
  readonly high: number;
  readonly chosen: boolean;
}

/** Change of both accuracies along the line, against the original, in points, with bands of the paired intervals. */
export function pathChart(path: PathData): Chart {
  const standard = rows(path.points, (point) => point.standardChange);
  const adversarial = rows(path.points, (point) => point.adversarialChange);
  const chosen = path.points.find((point) => point.chosen);
  const all = [...standard, ...adversarial].flatMap(({ low, high }) => [low, high]);
  const margin = -100 * path.margin;
  const summary =
    chosen?.standardChange && chosen.adversarialChange
      ? ` There standard accuracy changes by ${signedPoints(chosen.standardChange.difference, 2)} and adversarial accuracy by ` +
        `${signedPoints(chosen.adversarialChange.difference, 2)} points.`
      : '';
  return {
    title: 'On the line from the original to the fine-tuned weights',
    alt: `Line chart of the change of standard and adversarial accuracy over alpha from 0 to 1. Chosen: alpha = ${path.chosenAlpha}.${summary}`,
    caption:
      `Change against the original network on the same images (${path.images ?? 'held-out images'}), under ${path.attack}; bands are paired 95 % intervals. ` +
      `The dashed line is the margin of ${points(path.margin, 1)} points that adversarial accuracy may lose.`,
    legend: [
      { colour: COLOUR.standard, shape: 'line', label: 'standard accuracy' },
      { colour: COLOUR.adversarial, shape: 'line', label: 'adversarial accuracy' },
      { colour: COLOUR.text, shape: 'dashed', label: 'margin' },
    ],
    draw: ({ isNarrow }) => ({
      height: isNarrow ? 290 : 340,
      marginLeft: 46,
      marginRight: 16,
      marginTop: 26,
      marginBottom: 42,
      x: { domain: [0, 1], label: null },
      y: { domain: padded([...all, margin, 0]), label: null },
      marks: [
        gridY({ stroke: COLOUR.grid, strokeOpacity: 1, ticks: 6 }),
        ruleY([0], { stroke: COLOUR.text, strokeOpacity: 0.6 }),
        axisY({
          label: '↑ Change of accuracy (points)',
          labelAnchor: 'top',
          labelArrow: 'none',
          tickFormat: pointTick,
          fill: COLOUR.text,
          ticks: 6,
        }),
        axisX({ label: 'alpha (0 original, 1 fine-tuned) →', labelAnchor: 'right', labelArrow: 'none', fill: COLOUR.text, ticks: 6 }),
        ruleY([margin], { stroke: COLOUR.text, strokeDasharray: '5 4', strokeOpacity: 0.8 }),
        ruleX([path.chosenAlpha], { stroke: COLOUR.chosen, strokeWidth: 2, strokeOpacity: 0.55 }),
        ...[
          { data: standard, colour: COLOUR.standard, symbol: 'circle' as const },
          { data: adversarial, colour: COLOUR.adversarial, symbol: 'diamond' as const },
        ].flatMap(({ data, colour, symbol }) => [
          areaY(data, { x: 'alpha', y1: 'low', y2: 'high', fill: colour, fillOpacity: 0.16 }),
          line(data, { x: 'alpha', y: 'change', stroke: colour, strokeWidth: 2.25 }),
          dot(data, {
            x: 'alpha',
            y: 'change',
            symbol,
            r: (row: Row) => (row.chosen ? 6 : 3.5),
            fill: colour,
            stroke: COLOUR.paper,
            title: (row: Row) => `alpha = ${row.alpha}: ${signedPoints(row.change / 100, 2)} points`,
          }),
        ]),
        text([`chosen: ${path.chosenAlpha}`], {
          x: path.chosenAlpha,
          frameAnchor: 'top',
          // Inside the frame, beside the line: above it the axis has its name.
          dx: path.chosenAlpha > 0.7 ? -6 : 6,
          dy: 4,
          textAnchor: path.chosenAlpha > 0.7 ? 'end' : 'start',
          stroke: COLOUR.paper,
          strokeWidth: 4,
          fontWeight: 'bold',
          fill: COLOUR.text,
        }),
      ],
      r: { range: [0, 6], domain: [0, 6] },
    }),
  };
}

function rows(path: readonly PathPointData[], pick: (point: PathPointData) => ChangeData | null): Row[] {
  return path.flatMap((point) => {
    const change = pick(point);
    if (!change) return [];
    return [
      { alpha: point.alpha, change: 100 * change.difference, low: 100 * change.ci95[0], high: 100 * change.ci95[1], chosen: point.chosen },
    ];
  });
}

function padded(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = Math.max((high - low) * 0.06, 0.05);
  // The name of the chosen point stands below the upper edge.
  return [low - room, high + 2 * room];
}
