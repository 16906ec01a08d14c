import type { DiagnosticsData, ReportData } from '../data/types.js';
import { count, percent } from '../format.js';
import { pixels } from '../data/names.js';
import { html, type Content, type Html } from './html.js';
import { exact, number, table, whole } from './parts.js';

const VERDICTS = {
  pass: 'Nothing was found that speaks against the adversarial accuracies.',
  warn: 'The adversarial accuracies may be a little too high.',
  fail: 'The adversarial accuracies are not to be believed without an attack adapted to the network.',
} as const;

/** Checks of the network and the ladder of attacks, for each network that was looked at. */
export function diagnosticsPart(data: ReportData): Html | undefined {
  const looked = [
    ['before', data.before.diagnostics],
    ['after', data.after.diagnostics],
  ] as const;
  const found = looked.flatMap(([when, diagnostics]) => (diagnostics ? [{ when, diagnostics }] : []));
  if (found.length === 0) return undefined;
  return html`${found.map(({ when, diagnostics }) => html`${one(when, diagnostics)}`)}`;
}

function one(when: string, { verdict, images, checks, ladder }: DiagnosticsData): Html {
  return html`<p class="${verdict === 'pass' ? 'ok' : 'reading'}">
      <b>Diagnostics of the network ${when}: ${verdict}.</b> ${VERDICTS[verdict]} Looked at: ${count(images)} images that it classifies
      right.
    </p>
    ${table({
      caption: `Checks of the network ${when} and of the attacks on it`,
      head: ['Check', 'Result', 'Finding', 'Figure', 'Limit'],
      wordColumns: 3,
      rows: checks.map((check): Content[] => [
        check.name.replaceAll('_', ' '),
        check.verdict,
        html`<span class="finding">${check.finding}</span>`,
        number(check.value),
        number(check.limit),
      ]),
    })}
    ${table({
      caption: `The network ${when} under attacks of rising strength`,
      head: ['Attack', 'ε', 'Images robust', 'Share'],
      rows: ladder.map(({ name, epsilon, correct, accuracy }): Content[] => [
        name,
        exact(epsilon, pixels(epsilon)),
        whole(correct),
        exact(accuracy, percent(accuracy, 1)),
      ]),
    })}`;
}
