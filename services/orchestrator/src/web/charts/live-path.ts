import { axisX, axisY, dot, gridY, line } from '@observablehq/plot';
import type { AlphaPoint } from '@rift/contracts';
import { COLOUR, type Chart } from '../../report/charts/svg.js';
import { percent } from '../../report/format.js';

interface Row {
  readonly alpha: number;
  readonly accuracy: number;
}

/** Both accuracies at the points of the line that are measured so far. */
export function livePathChart(points: readonly AlphaPoint[]): Chart {
  const share = (outcome: AlphaPoint['standard'] | undefined): number | undefined =>
    outcome && outcome.total > 0 ? outcome.correct / outcome.total : undefined;
  const rows = (pick: (point: AlphaPoint) => number | undefined): Row[] =>
    points.flatMap((point) => {
      const accuracy = pick(point);
      return accuracy === undefined ? [] : [{ alpha: point.alpha, accuracy: 100 * accuracy }];
    });
  const standard = rows((point) => share(point.standard));
  const adversarial = rows((point) => share(point.adversarial?.outcome));
  const last = standard.at(-1);
  return {
    title: 'On the line from the original to the fine-tuned weights',
    alt: `${points.length} points are measured; the last, alpha = ${last?.alpha ?? 0}, has a standard accuracy of ${percent((last?.accuracy ?? 0) / 100, 1)}.`,
    caption: 'Accuracies on the held-out images at the points measured so far; the finished chart shows changes with paired intervals.',
    legend: [
      { colour: COLOUR.standard, shape: 'line', label: 'standard accuracy' },
      { colour: COLOUR.adversarial, shape: 'line', label: 'adversarial accuracy' },
    ],
    draw: ({ isNarrow }) => ({
      height: isNarrow ? 250 : 290,
      marginLeft: 46,
      marginRight: 16,
      marginTop: 26,
      marginBottom: 42,
      x: { domain: [0, 1], label: null },
      y: { nice: true, zero: false, label: null },
      marks: [
        gridY({ stroke: COLOUR.grid, strokeOpacity: 1, ticks: 5 }),
        axisY({ label: '↑ Accuracy (%)', labelAnchor: 'top', labelArrow: 'none', fill: COLOUR.text, ticks: 5 }),
        axisX({ label: 'alpha (0 original, 1 fine-tuned) →', labelAnchor: 'right', labelArrow: 'none', fill: COLOUR.text, ticks: 6 }),
        ...[
          { data: standard, colour: COLOUR.standard, symbol: 'circle' as const },
          { data: adversarial, colour: COLOUR.adversarial, symbol: 'diamond' as const },
        ].flatMap(({ data, colour, symbol }) => [
          line(data, { x: 'alpha', y: 'accuracy', stroke: colour, strokeWidth: 2.25 }),
          dot(data, { x: 'alpha', y: 'accuracy', symbol, r: 4, fill: colour, stroke: COLOUR.paper }),
        ]),
      ],
    }),
  };
}
