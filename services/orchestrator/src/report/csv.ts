import type { AccuracyData, ChangeData, EpochsData, ReportData } from './data/types.js';
import type { ReportInput } from './input.js';

type Cell = string | number | boolean | null;

/** All tables of the report as CSV (RFC 4180) by file name; a table without rows is left out. Numbers are exact. */
export function csvFiles(data: ReportData, input: ReportInput): Record<string, string> {
  const tables: Record<string, { head: readonly string[]; rows: readonly (readonly Cell[])[] }> = {
    'accuracies.csv': { head: ['figure', ...PAIR], rows: accuracyRows(data) },
    'criticality.csv': {
      head: [
        'module',
        'mrc',
        'standard_error',
        'robust_accuracy_drop',
        'perturbation_ratio',
        'first_order',
        'nan_epochs',
        'seconds',
        'fine_tuned',
        'tied',
      ],
      rows: (data.criticality?.modules ?? []).map((m) => [
        m.name,
        m.mrc,
        m.standardError,
        m.robustAccuracyDrop,
        m.perturbationRatio,
        m.firstOrder,
        m.nanEpochs,
        m.seconds,
        m.chosen,
        m.tied,
      ]),
    },
    'path.csv': {
      head: [
        'alpha',
        ...ACCURACY.map((name) => `standard_${name}`),
        ...ACCURACY.map((name) => `adversarial_${name}`),
        'adversarial_change',
        'lower_bound',
        'allowed',
        'chosen',
      ],
      rows: (data.interpolate?.points ?? []).map((point) => [
        point.alpha,
        ...accuracyCells(point.standard),
        ...accuracyCells(point.adversarial),
        point.adversarialChange?.difference ?? null,
        point.adversarialChange?.lowerBound95 ?? null,
        point.allowed,
        point.chosen,
      ]),
    },
    'training.csv': epochsTable(data.training),
    'epochs.csv': epochsTable(data.fineTune),
    'corruptions.csv': {
      head: ['corruption', 'severity', ...PAIR],
      rows: data.corruptions.flatMap(({ name, severities }) =>
        severities.map(({ severity, before, after, change }) => [name, severity, ...pairCells(before, after, change)]),
      ),
    },
    'classes.csv': {
      head: ['label', 'class', ...ACCURACY.map((name) => `before_${name}`), ...ACCURACY.map((name) => `after_${name}`)],
      rows: (data.classes?.classes ?? []).map(({ label, name, before, after }) => [
        label,
        name,
        ...accuracyCells(before),
        ...accuracyCells(after),
      ]),
    },
    'per-image.csv': perImage(input),
  };
  return Object.fromEntries(
    Object.entries(tables)
      .filter(([, { rows }]) => rows.length > 0)
      .map(([name, { head, rows }]) => [name, [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('')]),
  );
}

const ACCURACY = ['accuracy', 'low', 'high', 'correct', 'total'] as const;
const CHANGE = ['difference', 'standard_error', 'low', 'high', 'lost', 'gained', 'mcnemar_p'] as const;
const PAIR = [
  ...ACCURACY.map((name) => `before_${name}`),
  ...ACCURACY.map((name) => `after_${name}`),
  ...CHANGE.map((name) => `change_${name}`),
];

function accuracyRows(data: ReportData): Cell[][] {
  const rows: [string, AccuracyData | null, AccuracyData | null, ChangeData | null][] = [
    ['standard', data.before.standard, data.after.standard, data.change.standard],
    ['adversarial', data.before.adversarial, data.after.adversarial, data.change.adversarial],
    ['ood', data.before.ood, data.after.ood, data.change.ood],
    ...data.change.attacks.map(({ name, before, after, change }): [string, AccuracyData, AccuracyData, ChangeData | null] => [
      name,
      before,
      after,
      change,
    ]),
  ];
  return rows
    .filter(([, before, after]) => before ?? after)
    .map(([name, before, after, change]) => [name, ...pairCells(before, after, change)]);
}

function pairCells(before: AccuracyData | null, after: AccuracyData | null, change: ChangeData | null): Cell[] {
  const changed: Cell[] = change
    ? [change.difference, change.standardError, ...change.ci95, change.lost, change.gained, change.mcnemarP]
    : CHANGE.map(() => null);
  return [...accuracyCells(before), ...accuracyCells(after), ...changed];
}

function accuracyCells(figure: AccuracyData | null): Cell[] {
  return figure ? [figure.accuracy, ...figure.ci95, figure.correct, figure.total] : ACCURACY.map(() => null);
}

/** Outcome of every image on clean data and under the first attack: the raw material of every paired test. */
function perImage(input: ReportInput): { head: readonly string[]; rows: readonly (readonly Cell[])[] } {
  const columns: { name: string; bytes: Uint8Array }[] = [];
  for (const [when, evaluations] of [
    ['before', input.before],
    ['after', input.after],
  ] as const) {
    const standard = evaluations.find(({ result }) => result.standard)?.result.standard;
    const attack = evaluations.find(({ result }) => result.attacks.length > 0)?.result.attacks[0]?.outcome;
    if (standard) columns.push({ name: `${when}_standard`, bytes: standard.perImage });
    if (attack) columns.push({ name: `${when}_adversarial`, bytes: attack.perImage });
  }
  const images = Math.max(0, ...columns.map(({ bytes }) => bytes.length));
  const rows = Array.from({ length: images }, (_, i): Cell[] => [i, ...columns.map(({ bytes }) => bytes[i] ?? null)]);
  return { head: ['image', ...columns.map(({ name }) => name)], rows };
}

/** A leading sign makes spreadsheets compute text; a quote before it keeps it text. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(value: Cell): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Learning curves, exact. */
function epochsTable(curves: EpochsData | null) {
  return {
    head: ['epoch', 'learning_rate', 'loss', 'accuracy', 'selection_standard', 'selection_adversarial', 'seconds', 'kept'],
    rows: (curves?.epochs ?? []).map((e): Cell[] => [
      e.epoch,
      e.learningRate,
      e.loss,
      e.accuracy,
      e.selectionStandard,
      e.selectionAdversarial,
      e.seconds,
      e.epoch === curves?.chosenEpoch,
    ]),
  };
}
