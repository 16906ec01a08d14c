import { axisX, axisY, dot, gridX, gridY, line, ruleY } from '@observablehq/plot';
import { COLOUR, type Chart } from '../../report/charts/svg.js';
import type { CriticalityModuleData, PathData, PathPointData } from '../../report/data/types.js';
import { pointTick, significant } from '../../report/format.js';

/** Modules drawn. */
const MOST_ROWS = 60;

const LEGEND = [
  { colour: COLOUR.standard, shape: 'dot' as const, label: 'A' },
  { colour: COLOUR.adversarial, shape: 'ring' as const, label: 'B' },
];

interface Row {
  readonly name: string;
  readonly a: number;
  readonly b: number;
}

/** The criticality of each module in two runs; undefined when they share none. */
export function moduleChart(a: readonly CriticalityModuleData[], b: readonly CriticalityModuleData[]): Chart | undefined {
  const other = new Map(b.map((module) => [module.name, module.mrc]));
  const rows = a
    .flatMap(({ name, mrc }): Row[] => {
      const second = other.get(name);
      return mrc === null || second === null || second === undefined ? [] : [{ name, a: mrc, b: second }];
    })
    .sort((one, two) => one.a - two.a)
    .slice(0, MOST_ROWS);
  if (rows.length === 0) return undefined;
  const longest = Math.max(...rows.map(({ name }) => name.length));
  const furthest = rows.toSorted((one, two) => Math.abs(two.a - two.b) - Math.abs(one.a - one.b))[0];
  return {
    title: 'Module robust criticality in both runs',
    alt: `${rows.length} modules by rising criticality in A. They differ most at ${furthest?.name ?? 'none'}: ${significant(furthest?.a ?? null)} and ${significant(furthest?.b ?? null)} nats.`,
    caption:
      'Nats, modules by rising criticality in A. Where the two signs lie apart, the runs measured different things or drew different images.',
    legend: LEGEND,
    draw: ({ isNarrow }) => ({
      height: rows.length * 20 + 60,
      marginLeft: Math.min(longest * (isNarrow ? 6.6 : 7.2) + 16, isNarrow ? 170 : 300),
      marginRight: 18,
      marginTop: 8,
      marginBottom: 44,
      x: { nice: true, zero: true, label: null },
      y: { domain: rows.map(({ name }) => name), label: null },
      marks: [
        gridX({ stroke: COLOUR.grid, strokeOpacity: 1, ticks: isNarrow ? 4 : 8 }),
        axisX({ label: 'MRC (nats) →', labelAnchor: 'right', labelArrow: 'none', fill: COLOUR.text, ticks: isNarrow ? 4 : 8 }),
        axisY({ tickSize: 0, fill: COLOUR.text }),
        ruleY(rows, { y: 'name', x1: 'a', x2: 'b', stroke: COLOUR.quiet, strokeWidth: 2 }),
        dot(rows, { y: 'name', x: 'a', r: 4.5, fill: COLOUR.standard }),
        dot(rows, { y: 'name', x: 'b', r: 4.5, fill: COLOUR.paper, stroke: COLOUR.adversarial, strokeWidth: 2 }),
      ],
    }),
  };
}

interface Point {
  readonly alpha: number;
  readonly change: number;
}

/** Both changes along the line in two runs; undefined without paired outcomes in both. */
export function pathsChart(a: PathData, b: PathData): Chart | undefined {
  const rows = (path: PathData, pick: (point: PathPointData) => number | undefined): Point[] =>
    path.points.flatMap((point) => {
      const change = pick(point);
      return change === undefined ? [] : [{ alpha: point.alpha, change: 100 * change }];
    });
  const lines = [
    { path: a, isSecond: false },
    { path: b, isSecond: true },
  ].flatMap(({ path, isSecond }) => [
    { data: rows(path, ({ standardChange }) => standardChange?.difference), colour: COLOUR.standard, isSecond, chosen: path.chosenAlpha },
    {
      data: rows(path, ({ adversarialChange }) => adversarialChange?.difference),
      colour: COLOUR.adversarial,
      isSecond,
      chosen: path.chosenAlpha,
    },
  ]);
  if (lines.some(({ data }) => data.length === 0)) return undefined;
  return {
    title: 'Change of both accuracies along the line',
    alt: `Lines of the change of standard and adversarial accuracy over alpha in two runs. A chose alpha = ${a.chosenAlpha}, B ${b.chosenAlpha}.`,
    caption: 'Change against each run’s own original network, in points. Solid lines are A, dashed ones B; large dots are the chosen α.',
    legend: [
      { colour: COLOUR.standard, shape: 'line', label: 'standard, A' },
      { colour: COLOUR.standard, shape: 'dashed', label: 'standard, B' },
      { colour: COLOUR.adversarial, shape: 'line', label: 'adversarial, A' },
      { colour: COLOUR.adversarial, shape: 'dashed', label: 'adversarial, B' },
    ],
    draw: ({ isNarrow }) => ({
      height: isNarrow ? 290 : 330,
      marginLeft: 46,
      marginRight: 16,
      marginTop: 26,
      marginBottom: 42,
      x: { domain: [0, 1], label: null },
      y: { nice: true, label: null },
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
        ...lines.flatMap(({ data, colour, isSecond, chosen }) => [
          line(data, { x: 'alpha', y: 'change', stroke: colour, strokeWidth: 2.25, ...(isSecond ? { strokeDasharray: '5 4' } : {}) }),
          dot(data, {
            x: 'alpha',
            y: 'change',
            r: (point: Point) => (point.alpha === chosen ? 6 : 3),
            fill: isSecond ? COLOUR.paper : colour,
            stroke: colour,
            strokeWidth: 2,
          }),
        ]),
      ],
      r: { range: [0, 6], domain: [0, 6] },
    }),
  };
}
