import { axisX, axisY, dot, ruleX, ruleY, text } from '@observablehq/plot';
import type { ReportData } from '../data/types.js';
import { corruptionName, decimalsFor, pointTick, signedPoints } from '../format.js';
import { COLOUR, type Chart } from './svg.js';

/** Points that a chart shows on either side of zero at least. */
const LEAST_SPAN = 0.5;

interface Row {
  readonly name: string;
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  readonly colour: string;
  readonly label: string;
}

/** What two networks' accuracies differ by. */
export interface Compared {
  readonly change: Pick<ReportData['change'], 'standard' | 'adversarial' | 'ood'>;
  readonly conclusion: Pick<ReportData['conclusion'], 'margin'>;
}

/** The main changes in points with their paired intervals, against zero and the margin; undefined without any. */
export function changeChart(data: Compared): Chart | undefined {
  const rows = [
    { name: 'Standard', change: data.change.standard, colour: COLOUR.standard },
    { name: 'Adversarial', change: data.change.adversarial, colour: COLOUR.adversarial },
    { name: 'Corruptions', change: data.change.ood, colour: COLOUR.ood },
  ].flatMap(({ name, change, colour }): Row[] => {
    if (!change) return [];
    const [low, high] = change.ci95;
    const label = signedPoints(change.difference, decimalsFor(change.images));
    return [{ name, difference: 100 * change.difference, low: 100 * low, high: 100 * high, colour, label }];
  });
  if (rows.length === 0) return undefined;
  return intervalChart(rows, {
    title: 'What changed',
    unit: 'Change of accuracy (points)',
    caption: 'After minus before on the same images, with paired 95 % intervals. A change whose interval reaches 0 may be chance.',
    margin: data.change.adversarial ? data.conclusion.margin : undefined,
  });
}

/** Change under each corruption, averaged over its severities; undefined where none can be compared. */
export function corruptionChart(data: ReportData): Chart | undefined {
  const rows = data.corruptions.flatMap(({ name, change, standard }): Row[] => {
    if (!change) return [];
    const [low, high] = change.ci95;
    const label = signedPoints(change.difference, decimalsFor(change.images));
    return [
      {
        name: corruptionName(name),
        difference: 100 * change.difference,
        low: 100 * low,
        high: 100 * high,
        colour: standard ? COLOUR.ood : COLOUR.quiet,
        label,
      },
    ];
  });
  if (rows.length === 0) return undefined;
  rows.sort((a, b) => b.difference - a.difference);
  return intervalChart(rows, {
    title: 'Change under each corruption',
    unit: 'Change of accuracy (points)',
    caption: 'Mean over the severities, after minus before on the same images, with paired 95 % intervals over images.',
    margin: undefined,
  });
}

interface Words {
  readonly title: string;
  readonly unit: string;
  readonly caption: string;
  readonly margin: number | undefined;
}

function intervalChart(rows: readonly Row[], { title, unit, caption, margin }: Words): Chart {
  const longest = Math.max(...rows.map(({ name }) => name.length));
  const ends = [0, ...rows.flatMap(({ low, high }) => [low, high]), ...(margin === undefined ? [] : [-100 * margin])];
  // Never finer than a point across: a chart of no change must not look like one of changes.
  const [least, most] = [Math.min(...ends, -LEAST_SPAN), Math.max(...ends, LEAST_SPAN)];
  const room = 0.04 * (most - least);
  return {
    title,
    alt: `${title}, in points: ${rows.map(({ name, label, low, high }) => `${name} ${label} (${signedPoints(low / 100, 1)} to ${signedPoints(high / 100, 1)})`).join('; ')}.`,
    caption,
    ...(margin === undefined
      ? {}
      : {
          legend: [
            {
              colour: COLOUR.text,
              shape: 'dashed' as const,
              label: `margin that adversarial accuracy may lose (${signedPoints(-margin, 1)} points)`,
            },
          ],
        }),
    draw: ({ isNarrow }) => ({
      height: rows.length * 26 + 58,
      marginLeft: longest * (isNarrow ? 6.8 : 7.4) + 14,
      marginRight: 50,
      marginTop: 6,
      marginBottom: 44,
      x: { domain: [least - room, most + room], label: null },
      y: { domain: rows.map(({ name }) => name), label: null },
      marks: [
        axisX({
          label: `${unit} →`,
          labelAnchor: 'right',
          labelArrow: 'none',
          fill: COLOUR.text,
          ticks: isNarrow ? 4 : 8,
          tickFormat: pointTick,
        }),
        axisY({ tickSize: 0, fill: COLOUR.text }),
        ruleX([0], { stroke: COLOUR.text, strokeWidth: 1.25 }),
        ...(margin === undefined ? [] : [ruleX([-100 * margin], { stroke: COLOUR.text, strokeDasharray: '5 4', strokeOpacity: 0.8 })]),
        ruleY(rows, { y: 'name', x1: 'low', x2: 'high', stroke: 'colour', strokeWidth: 3, strokeLinecap: 'round' }),
        dot(rows, { x: 'difference', y: 'name', r: 5.5, fill: 'colour', stroke: COLOUR.paper, strokeWidth: 1.5 }),
        text(rows, { frameAnchor: 'right', y: 'name', text: 'label', dx: 44, textAnchor: 'end', fill: COLOUR.text, fontWeight: 'bold' }),
      ],
      color: { type: 'identity' },
    }),
  };
}
