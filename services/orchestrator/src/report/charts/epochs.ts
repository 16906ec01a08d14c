import { axisX, axisY, dot, gridY, line, ruleX, text } from '@observablehq/plot';
import type { EpochData, EpochsData } from '../data/types.js';
import { COLOUR, type Canvas, type Chart, type LegendEntry } from './svg.js';

interface Series {
  readonly label: string;
  readonly colour: string;
  readonly value: (epoch: EpochData) => number | null;
}

/** Loss and accuracies over the epochs of a training or fine-tuning, each in a chart of its own; a chart without a value is left out. */
export function epochCharts(data: EpochsData): Chart[] {
  const percent = (value: number | null): number | null => (value === null ? null : 100 * value);
  return [
    epochChart(data, 'Training loss over epochs', 'Mean training loss (nats)', [
      { label: 'training loss', colour: COLOUR.standard, value: ({ loss }) => loss },
    ]),
    epochChart(data, 'Accuracy over epochs', 'Accuracy (%)', [
      { label: 'selection images', colour: COLOUR.standard, value: ({ selectionStandard }) => percent(selectionStandard) },
      {
        label: 'selection images under attack',
        colour: COLOUR.adversarial,
        value: ({ selectionAdversarial }) => percent(selectionAdversarial),
      },
      { label: 'training images', colour: COLOUR.quiet, value: ({ accuracy }) => percent(accuracy) },
    ]),
  ].filter((chart) => chart !== undefined);
}

function epochChart(curves: EpochsData, title: string, axis: string, series: readonly Series[]): Chart | undefined {
  const drawn = series
    .map((entry) => ({
      ...entry,
      data: curves.epochs.flatMap((epoch) => {
        const value = entry.value(epoch);
        return value === null ? [] : [{ epoch: epoch.epoch, value }];
      }),
    }))
    .filter(({ data }) => data.length > 0);
  if (drawn.length === 0) return undefined;
  const words = drawn.map(({ label, data }) => `${label} from ${data[0]?.value.toFixed(2)} to ${data.at(-1)?.value.toFixed(2)}`);
  const last = curves.epochs.at(-1)?.epoch ?? 1;
  return {
    title,
    alt: `${title}: ${words.join('; ')}. Epoch kept: ${curves.chosenEpoch}.`,
    caption: `${axis} after each epoch; the upright line marks the epoch whose weights were kept.`,
    legend: drawn.map(({ colour, label }): LegendEntry => ({ colour, shape: 'line', label })),
    draw: ({ isNarrow }: Canvas) => ({
      height: isNarrow ? 220 : 240,
      marginLeft: 50,
      marginRight: 20,
      marginTop: 26,
      marginBottom: 42,
      x: { domain: last > 1 ? [1, last] : [0, 2], label: null },
      y: { nice: true, label: null, zero: false },
      marks: [
        gridY({ stroke: COLOUR.grid, strokeOpacity: 1, ticks: 5 }),
        axisY({ label: `↑ ${axis}`, labelAnchor: 'top', labelArrow: 'none', fill: COLOUR.text, ticks: 5 }),
        axisX({
          label: 'epoch →',
          labelAnchor: 'right',
          labelArrow: 'none',
          fill: COLOUR.text,
          ticks: wholeTicks(last, isNarrow ? 6 : 12),
          tickFormat: 'd',
        }),
        ...(curves.chosenEpoch > 0
          ? [
              ruleX([curves.chosenEpoch], { stroke: COLOUR.chosen, strokeWidth: 2, strokeOpacity: 0.55 }),
              text([`kept: ${curves.chosenEpoch}`], {
                x: curves.chosenEpoch,
                frameAnchor: 'top',
                // Inside the frame, beside the line: above it the axis has its name.
                dx: curves.chosenEpoch > 0.7 * last ? -6 : 6,
                dy: 4,
                textAnchor: curves.chosenEpoch > 0.7 * last ? 'end' : 'start',
                stroke: COLOUR.paper,
                strokeWidth: 4,
                fontWeight: 'bold',
                fill: COLOUR.text,
              }),
            ]
          : []),
        ...drawn.flatMap(({ data, colour }) => [
          line(data, { x: 'epoch', y: 'value', stroke: colour, strokeWidth: 2.25 }),
          dot(data, { x: 'epoch', y: 'value', r: 3, fill: colour, stroke: COLOUR.paper }),
        ]),
      ],
    }),
  };
}

/** Whole epochs at about even steps. */
function wholeTicks(last: number, most: number): number[] {
  const step = Math.max(1, Math.ceil(last / most));
  return Array.from({ length: Math.floor((last - 1) / step) + 1 }, (_, i) => 1 + i * step);
}
