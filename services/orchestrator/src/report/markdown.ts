import type { AccuracyData, ChangeData, ReportData } from './data/types.js';
import {
  corruptionName,
  decimalsFor,
  decimalsOf,
  moment,
  percent,
  percentRange,
  pointsRange,
  pValue,
  signedPoints,
  significant,
} from './format.js';

/** The report in short as Markdown, for pull requests and chats. */
export function markdownReport(data: ReportData): string {
  return [
    `# Robustness report: ${inline(data.name === '' ? data.runId : data.name)}`,
    `**${inline(data.verdict)}**`,
    data.cautions.length > 0 && `Before you rely on these figures:\n\n${data.cautions.map((caution) => `- ${inline(caution)}`).join('\n')}`,
    accuracies(data),
    criticality(data),
    path(data),
    corruptions(data),
    provenance(data),
  ]
    .filter((part) => typeof part === 'string')
    .join('\n\n')
    .concat('\n');
}

/** Accuracies before and after as a Markdown table; undefined without any. */
export function accuracies(data: ReportData): string | undefined {
  const attack = (data.after.adversarial ?? data.before.adversarial)?.attack ?? '';
  const rows = [
    row('Standard', data.before.standard, data.after.standard, data.change.standard),
    row(`Adversarial, ${attack}`, data.before.adversarial, data.after.adversarial, data.change.adversarial),
    row('Corruptions, mean', data.before.ood, data.after.ood, data.change.ood),
  ].filter((entry) => entry !== undefined);
  if (rows.length === 0) return undefined;
  return tableOf(['Accuracy', 'Before', 'After', 'Change (points, 95 % CI)', 'McNemar p'], rows);
}

function row(name: string, before: AccuracyData | null, after: AccuracyData | null, change: ChangeData | null): string[] | undefined {
  if (!before && !after) return undefined;
  const figure = (value: AccuracyData | null): string =>
    value ? `${percent(value.accuracy, decimalsOf(value))} (${percentRange(value.ci95, decimalsOf(value))})` : '–';
  const decimals = decimalsFor(change?.images ?? 0);
  return [
    name,
    figure(before),
    figure(after),
    change ? `${signedPoints(change.difference, decimals)} (${pointsRange(change.ci95, decimals)})` : 'not compared',
    change?.mcnemarP === null || change === null ? '–' : pValue(change.mcnemarP),
  ];
}

function criticality(data: ReportData): string | undefined {
  if (!data.criticality) return undefined;
  const rows = data.criticality.modules
    .slice(0, 10)
    .map((module) => [
      `\`${code(module.name)}\`${module.chosen ? ' (fine-tuned)' : ''}`,
      significant(module.mrc),
      significant(module.standardError),
    ]);
  return `## Module robust criticality\n\n${inline(data.criticality.reason)}\n\n${tableOf(['Module', 'MRC (nats)', 'Standard error'], rows)}`;
}

function path(data: ReportData): string | undefined {
  if (!data.interpolate) return undefined;
  const rows = data.interpolate.points.map((point) => [
    `${point.alpha}${point.chosen ? ' (chosen)' : ''}`,
    percent(point.standard.accuracy, 2),
    percent(point.adversarial.accuracy, 2),
    point.allowed ? 'yes' : 'no',
  ]);
  return `## On the line\n\n${inline(data.interpolate.reason)}\n\n${tableOf(['Alpha', 'Standard', 'Adversarial', 'Within the rule'], rows)}`;
}

function corruptions(data: ReportData): string | undefined {
  if (data.corruptions.length === 0) return undefined;
  const rows = data.corruptions.map(({ name, before, after, change }) => [
    corruptionName(name),
    before === null ? '–' : percent(before, 1),
    after === null ? '–' : percent(after, 1),
    change
      ? `${signedPoints(change.difference, decimalsFor(change.images))} (${pointsRange(change.ci95, decimalsFor(change.images))})`
      : '–',
  ]);
  return `## Corruptions\n\n${tableOf(['Corruption', 'Before', 'After', 'Change (points, 95 % CI)'], rows)}`;
}

function provenance({ provenance: from, runId }: ReportData): string {
  const facts = [
    `Run \`${code(runId)}\`, profile ${from.profile}, seed ${from.seed}, ${moment(from.generatedAt)}`,
    ...(from.network
      ? [`Network ${inline(from.network.name)} (${inline(from.network.arch)}), SHA-256 \`${code(from.network.digest)}\``]
      : []),
    ...(from.dataset ? [`Data ${inline(from.dataset.name)}, SHA-256 \`${code(from.dataset.digest)}\``] : []),
    ...from.artifacts.map(({ what, digest }) => `${inline(what)}: SHA-256 \`${code(digest)}\``),
  ];
  const fence = '```';
  const commands =
    from.commands.length > 0
      ? `\n\nTo do it again, with the file run.json of the report:\n\n${fence}sh\n${from.commands.map((line) => line.replaceAll(fence, '')).join('\n')}\n${fence}`
      : '';
  return `## Where this comes from\n\n${facts.map((fact) => `- ${fact}`).join('\n')}${commands}`;
}

/** A Markdown table; cells keep their own markup but cannot break out of the table. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text) => text.replaceAll('|', '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** Text of a user or an engine without effect as Markdown or HTML. */
export function inline(text: string): string {
  return text.replace(/[\\`*_[\]<>#|]/g, '\\$&').replace(/\s+/g, ' ');
}

function code(text: string): string {
  return text.replaceAll('`', "'");
}
