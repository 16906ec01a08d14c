import type { EvaluateResult, NetworkSource, Run, Stage } from '@rift/contracts';

import { accuracyText, points } from '../output/format.js';
import { table } from '../output/table.js';
import { evaluationDocument, type EvaluationDocument } from './evaluation.js';

/** What the method did to a network, as scripts read it. */
export interface RunDocument {
  readonly runId: string;
  /** Module that was fine-tuned; several are joined by commas; null when the plan has no fine-tuning. */
  readonly module: string | null;
  readonly alpha: number | null;
  readonly before: EvaluationDocument;
  readonly after: EvaluationDocument;
  readonly verdict: string | null;
  /** Digest of the network at the chosen alpha. */
  readonly networkDigest: string | null;
  readonly reportDigests: { readonly html: string; readonly json: string } | null;
}

/** Collects the results of a run of the whole method. */
export function runDocument(run: Run): RunDocument {
  const stages = run.plan?.stages ?? [];
  const report = stages.find(({ kind }) => kind === 'report')?.report;
  const interpolation = resultsOf(run, stages, 'interpolate')
    .map((result) => result.interpolate)
    .find(isPresent);
  const reported = resultsOf(run, stages, 'report')
    .map((result) => result.report)
    .find(isPresent);
  return {
    runId: run.id,
    module: moduleOf(run, stages),
    alpha: interpolation?.chosenAlpha ?? null,
    before: evaluationAt(run, stages, report?.beforeStage ?? 'before'),
    after: evaluationAt(run, stages, report?.afterStage ?? 'after'),
    verdict: reported?.verdict ?? null,
    networkDigest: interpolation?.digest ?? null,
    reportDigests: reported === undefined ? null : { html: reported.htmlDigest, json: reported.jsonDigest },
  };
}

function isPresent<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function resultsOf(run: Run, stages: readonly Stage[], kind: Stage['kind']) {
  const ids = new Set(stages.filter((stage) => stage.kind === kind).map(({ id }) => id));
  return run.stages.flatMap(({ id, result }) => (ids.has(id) && result !== null ? [result] : []));
}

/** The modules that the fine-tuning moved: named in the plan, or chosen by the criticality before it. */
function moduleOf(run: Run, stages: readonly Stage[]): string | null {
  const fineTune = stages.find(({ kind }) => kind === 'fineTune')?.fineTune;
  const named = fineTune?.spec?.modules ?? [];
  if (named.length > 0) return named.join(',');
  const [result] = resultsOf(run, stages, 'fineTune');
  const moved = Object.entries(result?.fineTune?.relativeChange ?? {}).filter(([, change]) => change > 0);
  if (moved.length > 0)
    return moved
      .map(([name]) => name)
      .sort()
      .join(',');
  const criticality = run.stages.find(({ id }) => id === fineTune?.criticalityStage)?.result?.criticality;
  return criticality?.modules[0]?.name ?? null;
}

function sourceKey(source: NetworkSource | null | undefined): string {
  return `${source?.source ?? ''}:${source?.stage ?? source?.network ?? ''}`;
}

/**
 * What was measured on the network of one evaluation: that stage together with every other one of the same network, since
 * accuracies and corruptions may be stages apart.
 */
function evaluationAt(run: Run, stages: readonly Stage[], id: string): EvaluationDocument {
  const key = sourceKey(stages.find((stage) => stage.id === id)?.evaluate?.network);
  const alike = stages.filter(({ kind, evaluate }) => kind === 'evaluate' && sourceKey(evaluate?.network) === key).map((stage) => stage.id);
  const merged: EvaluateResult = { standard: null, attacks: [], corruptions: [], gallery: [], confusion: [], diagnostics: null, notes: [] };
  for (const status of run.stages) {
    const result = alike.includes(status.id) ? status.result?.evaluate : undefined;
    if (result === null || result === undefined) continue;
    merged.standard ??= result.standard;
    merged.attacks.push(...result.attacks);
    merged.corruptions.push(...result.corruptions);
    merged.diagnostics ??= result.diagnostics;
    merged.notes.push(...result.notes);
  }
  return evaluationDocument(merged);
}

/** Before and after for people. */
export function beforeAfterText({ before, after }: Pick<RunDocument, 'before' | 'after'>, columns?: number): string {
  const rows = (
    [
      ['standard', before.standard, after.standard],
      ['corruptions (OOD)', before.ood, after.ood],
      ['adversarial', before.adversarial, after.adversarial],
    ] as const
  ).flatMap(([name, old, now]) =>
    old === undefined || now === undefined ? [] : [[name, accuracyText(old), accuracyText(now), points(now.accuracy - old.accuracy)]],
  );
  return table(
    [{ title: 'accuracy' }, { title: 'before', right: true }, { title: 'after', right: true }, { title: 'points', right: true }],
    rows,
    columns,
  );
}
