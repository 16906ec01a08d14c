import { axisX, axisY, barX, gridX, ruleX, ruleY, text } from '@observablehq/plot';
import type { CriticalityData, CriticalityModuleData } from '../data/types.js';
import { significant } from '../format.js';
import { COLOUR, type Chart } from './svg.js';

/** Modules drawn; of larger networks the least critical ones are. */
const MOST_BARS = 60;
/** Ratio of the largest to the median value from which small bars would vanish on a linear scale. */
const WIDE_RANGE = 8;

type Bar = CriticalityModuleData & { readonly mrc: number };

/**
 * Bars of module robust criticality, least critical first, the chosen module and those tied with it marked.
 *
 * @param waiting modules that are not measured yet; they have rows without bars.
 */
export function criticalityChart(criticality: CriticalityData, waiting: readonly string[] = []): Chart {
  const measured = criticality.modules.flatMap((module): Bar[] => (module.mrc === null ? [] : [{ ...module, mrc: module.mrc }]));
  const shown = measured.slice(0, MOST_BARS);
  const largest = Math.max(...shown.map(({ mrc }) => mrc), 0);
  const median = shown[Math.floor(shown.length / 2)]?.mrc ?? 0;
  const type = largest > WIDE_RANGE * Math.max(median, 1e-12) ? 'sqrt' : 'linear';
  const names = [...shown.map(({ name }) => name), ...waiting.slice(0, Math.max(0, MOST_BARS - shown.length))];
  const longest = Math.max(...names.map((name) => name.length), 4);
  const chosen = shown.filter((module) => module.chosen).map(({ name }) => name);
  const ends = (module: Bar, sign: number): number => Math.max(0, module.mrc + sign * (module.standardError ?? 0));
  const smallest = shown[0];
  return {
    title: 'Module robust criticality',
    alt:
      `Bar chart of ${shown.length} modules by rising criticality, from ${significant(smallest?.mrc ?? null)} (${smallest?.name ?? 'none'}) to ` +
      `${significant(largest)} (${shown.at(-1)?.name ?? 'none'}) nats. Fine-tuned: ${chosen.join(', ') || 'none of them'}.`,
    caption:
      `Largest rise of the mean robust loss, in nats, for a weight change of at most ${criticality.weightEpsilon} of the module's norm; whiskers are ± one ` +
      `standard error over images. Short bars can be fine-tuned with little harm.` +
      (measured.length > shown.length
        ? ` The ${shown.length} least critical of ${measured.length} modules are drawn; the table has all.`
        : ''),
    legend: [
      { colour: COLOUR.chosen, shape: 'bar', label: 'fine-tuned' },
      ...(shown.some((module) => module.tied && !module.chosen)
        ? [{ colour: COLOUR.tied, shape: 'bar' as const, label: 'tied with the smallest (within the band of images and seeds)' }]
        : []),
      { colour: COLOUR.quiet, shape: 'bar', label: 'other modules' },
    ],
    draw: ({ isNarrow }) => ({
      height: names.length * 20 + 60,
      marginLeft: Math.min(longest * (isNarrow ? 6.6 : 7.2) + 16, isNarrow ? 170 : 300),
      marginRight: 56,
      marginTop: 8,
      marginBottom: 44,
      x: { type, domain: [0, Math.max(...shown.map((module) => ends(module, 1)), 1e-9)], label: null },
      y: { domain: names, label: null },
      marks: [
        gridX({ stroke: COLOUR.grid, strokeOpacity: 1, ticks: isNarrow ? 4 : 8 }),
        axisX({
          label: `MRC (nats${type === 'sqrt' ? ', square-root scale' : ''}) →`,
          labelAnchor: 'right',
          ticks: isNarrow ? 4 : 8,
          fill: COLOUR.text,
        }),
        axisY({ tickSize: 0, fill: COLOUR.text }),
        barX(shown, {
          x1: 0,
          x2: 'mrc',
          y: 'name',
          rx: 1,
          insetTop: 2,
          insetBottom: 2,
          fill: (module: Bar) => (module.chosen ? COLOUR.chosen : module.tied ? COLOUR.tied : COLOUR.quiet),
          title: (module: Bar) => `${module.name}: MRC ${significant(module.mrc)}, standard error ${significant(module.standardError)}`,
        }),
        ruleY(
          shown.filter((module) => module.standardError !== null),
          { x1: (module: Bar) => ends(module, -1), x2: (module: Bar) => ends(module, 1), y: 'name', stroke: COLOUR.text, strokeWidth: 1.5 },
        ),
        ruleX([0], { stroke: COLOUR.text }),
        ...[true, false].map((isChosen) =>
          text(
            shown.filter((module) => module.chosen === isChosen),
            {
              x: (module: Bar) => ends(module, 1),
              y: 'name',
              text: (module: Bar) => significant(module.mrc),
              textAnchor: 'start',
              dx: 5,
              fill: COLOUR.text,
              fontWeight: isChosen ? 'bold' : 'normal',
            },
          ),
        ),
      ],
    }),
  };
}
