import { axisX, axisY, cell, text } from '@observablehq/plot';
import type { Chart } from '../../report/charts/svg.js';
import { COLOUR } from '../../report/charts/svg.js';
import type { CorruptionRowData } from '../../report/data/types.js';
import { corruptionName, fixed, signedPoints } from '../../report/format.js';

interface Cell {
  readonly name: string;
  readonly severity: number;
  readonly value: number;
  readonly label: string;
}

/**
 * The grid of corruptions by severity: the change where two networks were measured, the accuracy where one was; undefined for fewer
 * than two severities, which the table shows as well.
 */
export function severityChart(corruptions: readonly CorruptionRowData[]): Chart | undefined {
  const isCompared = corruptions.some(({ severities }) => severities.some(({ before, after }) => before && after));
  const cells = corruptions.flatMap(({ name, severities }) =>
    severities.flatMap(({ severity, before, after }): Cell[] => {
      const title = corruptionName(name);
      if (isCompared) {
        if (!before || !after) return [];
        const change = after.accuracy - before.accuracy;
        return [{ name: title, severity, value: change, label: signedPoints(change, 1) }];
      }
      const figure = after ?? before;
      return figure ? [{ name: title, severity, value: figure.accuracy, label: fixed(100 * figure.accuracy, 0) }] : [];
    }),
  );
  const severities = [...new Set(cells.map(({ severity }) => severity))].sort((a, b) => a - b);
  if (severities.length < 2) return undefined;
  const names = [...new Set(cells.map(({ name }) => name))];
  const longest = Math.max(...names.map((name) => name.length));
  const strongest = Math.max(...cells.map(({ value }) => Math.abs(value)), 1e-9);
  const best = cells.toSorted((a, b) => b.value - a.value);
  const word = (one: Cell | undefined): string => (one ? `${one.name} at severity ${one.severity} (${one.label})` : 'none');
  return {
    title: isCompared ? 'Change of accuracy by corruption and severity' : 'Accuracy by corruption and severity',
    alt: `Grid of ${names.length} corruptions by ${severities.length} severities. Highest: ${word(best[0])}; lowest: ${word(best.at(-1))}.`,
    caption: isCompared
      ? 'Points, after minus before. Blue cells gained, orange cells lost; the stronger the colour, the more. Single cells move by chance.'
      : 'Percent of the corrupted images that are classified right.',
    draw: ({ isNarrow }) => ({
      height: names.length * 25 + 46,
      marginLeft: longest * (isNarrow ? 6.8 : 7.4) + 14,
      marginRight: 2,
      marginTop: 34,
      marginBottom: 8,
      padding: 0,
      x: { type: 'band', domain: severities, label: null },
      y: { domain: names, label: null },
      marks: [
        axisX({
          anchor: 'top',
          label: null,
          tickSize: 0,
          tickFormat: (severity: number) => (isNarrow ? String(severity) : `severity ${severity}`),
          fill: COLOUR.text,
        }),
        axisY({ tickSize: 0, fill: COLOUR.text }),
        cell(cells, {
          x: 'severity',
          y: 'name',
          inset: 1.5,
          rx: 4,
          fill: (one: Cell) => (one.value < 0 ? COLOUR.adversarial : COLOUR.standard),
          fillOpacity: (one: Cell) => 0.06 + 0.5 * (Math.abs(one.value) / strongest),
        }),
        text(cells, { x: 'severity', y: 'name', text: 'label', fill: COLOUR.text }),
      ],
      opacity: { type: 'identity' },
    }),
  };
}
