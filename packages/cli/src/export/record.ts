import type { EpochRecord, Run, Stage, StageResult } from '@rift/contracts';

import { PROFILES, wordFor } from '../parse/vocabulary.js';
import { evaluationDocument } from '../results/evaluation.js';
import { runDocument } from '../results/whole-run.js';

/** One figure at one step. */
export interface Scalar {
  /** "fine-tune/loss": stage, then what. */
  readonly tag: string;
  /** Epoch, alpha in percent, or severity; 0 where there is one figure only. */
  readonly step: number;
  /** Accuracies are fractions. */
  readonly value: number;
}

/** A run as trackers of experiments know one. */
export interface RunRecord {
  readonly id: string;
  readonly name: string;
  readonly succeeded: boolean;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly parameters: Readonly<Record<string, string>>;
  readonly scalars: readonly Scalar[];
  readonly texts: Readonly<Record<string, string>>;
  /** Files to fetch, by the name they get. */
  readonly files: Readonly<Record<string, string>>;
}

/** What of a run goes to a tracker. */
export function runRecord(run: Run): RunRecord {
  const { verdict, module, alpha, networkDigest, reportDigests } = runDocument(run);
  const { settings } = run;
  const parameters = {
    network: settings?.network,
    dataset: settings?.dataset,
    profile: wordFor(PROFILES, settings?.profile ?? ''),
    seed: settings?.seed,
    device: settings?.compute?.device,
    module,
    alpha,
    ...Object.fromEntries((run.plan?.stages ?? []).flatMap((stage) => Object.entries(stageParameters(stage)))),
  };
  return {
    id: run.id,
    name: run.name === '' ? run.id : run.name,
    succeeded: run.state === 'RUN_STATE_SUCCEEDED',
    startedAt: milliseconds(run.startedAt ?? run.createdAt),
    endedAt: milliseconds(run.endedAt ?? run.startedAt ?? run.createdAt),
    parameters: Object.fromEntries(
      Object.entries(parameters)
        .filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map(([key, value]) => [key, String(value)]),
    ),
    scalars: run.stages.flatMap(({ id, result }) => (result === null ? [] : scalarsOf(id, result))),
    texts: verdict === null ? {} : { verdict },
    files: {
      ...(reportDigests === null ? {} : { 'report.html': reportDigests.html, 'report.json': reportDigests.json }),
      ...(networkDigest === null ? {} : { 'network.safetensors': networkDigest }),
    },
  };
}

function milliseconds(time: { readonly seconds: number; readonly nanos: number } | null): number {
  return time === null ? 0 : Math.round(time.seconds * 1000 + time.nanos / 1e6);
}

/** Settings of a stage that people compare runs by. */
function stageParameters({ id, fineTune, train, criticality }: Stage): Record<string, unknown> {
  const spec = fineTune?.spec ?? train?.spec;
  if (spec !== undefined && spec !== null) {
    return { [`${id}.epochs`]: spec.epochs, [`${id}.batch_size`]: spec.batchSize, [`${id}.learning_rate`]: spec.optimizer?.learningRate };
  }
  if (criticality?.spec) return { [`${id}.ascent`]: criticality.spec.ascent, [`${id}.weight_epsilon`]: criticality.spec.weightEpsilon };
  return {};
}

function scalarsOf(id: string, { craft, criticality, fineTune, interpolate, evaluate, train }: StageResult): Scalar[] {
  if (craft?.outcome?.outcome)
    return [scalar(`${id}/adversarial`, 0, craft.outcome.outcome.correct / Math.max(1, craft.outcome.outcome.total))];
  if (criticality) {
    return criticality.modules.flatMap(({ name, mrc, robustAccuracyDrop }) => [
      scalar(`${id}/mrc/${name}`, 0, mrc),
      scalar(`${id}/robust_accuracy_drop/${name}`, 0, robustAccuracyDrop),
    ]);
  }
  if (fineTune) return fineTune.epochs.flatMap((epoch) => epochScalars(id, epoch));
  if (train) return train.epochs.flatMap((epoch) => epochScalars(id, epoch));
  if (interpolate) {
    return interpolate.points.flatMap(({ alpha, standard, adversarial }) => [
      ...(standard === null ? [] : [scalar(`${id}/standard`, Math.round(alpha * 100), standard.correct / Math.max(1, standard.total))]),
      ...(adversarial?.outcome
        ? [scalar(`${id}/adversarial`, Math.round(alpha * 100), adversarial.outcome.correct / Math.max(1, adversarial.outcome.total))]
        : []),
    ]);
  }
  return evaluate ? evaluationScalars(id, evaluate) : [];
}

function scalar(tag: string, step: number, value: number): Scalar {
  return { tag, step, value };
}

function epochScalars(id: string, { epoch, learningRate, loss, accuracy, selectionStandard, selectionAdversarial }: EpochRecord): Scalar[] {
  return [
    scalar(`${id}/loss`, epoch, loss),
    scalar(`${id}/accuracy`, epoch, accuracy),
    scalar(`${id}/learning_rate`, epoch, learningRate),
    // What was not measured is negative.
    ...(selectionStandard < 0 ? [] : [scalar(`${id}/selection_standard`, epoch, selectionStandard)]),
    ...(selectionAdversarial < 0 ? [] : [scalar(`${id}/selection_adversarial`, epoch, selectionAdversarial)]),
  ];
}

function evaluationScalars(id: string, result: NonNullable<StageResult['evaluate']>): Scalar[] {
  const { standard, adversarial, ood, autoattack, corruptions } = evaluationDocument(result);
  const figures = { standard, adversarial, ood, autoattack };
  return [
    ...Object.entries(figures).flatMap(([name, accuracy]) =>
      accuracy === undefined ? [] : [scalar(`${id}/${name}`, 0, accuracy.accuracy)],
    ),
    ...Object.keys(corruptions ?? {}).flatMap((name) => {
      const severities = result.corruptions.find((corruption) => corruption.name === name)?.severities ?? [];
      return severities.flatMap(({ severity, outcome }) =>
        outcome === null ? [] : [scalar(`${id}/corruption/${name}`, severity, outcome.correct / Math.max(1, outcome.total))],
      );
    }),
  ];
}
