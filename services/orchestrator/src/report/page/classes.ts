import { classChart } from '../charts/classes.js';
import { figure } from '../charts/svg.js';
import type { ReportData } from '../data/types.js';
import { fixed, signedPoints } from '../format.js';
import { html, type Content } from './html.js';
import { accuracyCell, exact, table, whole, type Section } from './parts.js';

/** Accuracy by class, and which classes are confused more or less often than before. */
export function classesSection({ classes }: ReportData): Section | undefined {
  if (!classes) return undefined;
  const name = (label: number): string => classes.classes[label]?.name ?? String(label);
  return {
    id: 'classes',
    title: 'Classes',
    body: html`${figure(classChart(classes))}
      <details>
        <summary>All ${classes.classes.length} classes as a table</summary>
        ${table({
          caption: 'Standard accuracy by class, with 95 % Wilson intervals',
          head: ['Class', 'Before', 'After', 'Change (points)'],
          rows: classes.classes.map(({ name: title, before, after, difference }): Content[] => [
            title,
            accuracyCell(before),
            accuracyCell(after),
            exact(difference, signedPoints(difference, 1)),
          ]),
        })}
      </details>
      ${
        classes.confusions.length > 0 &&
        table({
          caption: 'Confusions on clean images that changed most',
          head: ['True class', 'Taken for', 'Before', 'After', 'Change'],
          wordColumns: 2,
          rows: classes.confusions.map(({ label, predicted, before, after }): Content[] => [
            name(label),
            name(predicted),
            whole(before),
            whole(after),
            `${after > before ? '+' : ''}${fixed(after - before, 0)}`,
          ]),
        })
      }`,
  };
}
