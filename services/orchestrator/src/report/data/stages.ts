import type { AlphaPoint } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import { chooseModules, membersOf } from '../../plan/choose-modules.js';
import { nonInferiority } from '../../statistics/index.js';
import type { ReportInput } from '../input.js';
import { epochsData } from './epochs.js';
import { attackName, enumWords, imagesName, threatModelName } from './names.js';
import { accuracyOf, changeOf, checkOutcome, finite } from './outcomes.js';
import type { AccuracyData, CriticalityData, FineTuneData, PathData, PathPointData } from './types.js';

/** Slack for comparing a fraction of counts with a margin that is no binary fraction. */
const ROUNDING = 1e-9;

/** Criticality by rising MRC, with the chosen module and those tied with the smallest marked. */
export function criticalityData(input: ReportInput): CriticalityData | null {
  if (!input.criticality) return null;
  const { spec, result, images } = input.criticality;
  const choice = chooseModules(result, input.fineTune?.choice);
  const tuned = new Set(tunedModules(input));
  return {
    baseLoss: finite(result.baseLoss),
    baseAccuracy: finite(result.baseAccuracy),
    weightEpsilon: spec.weightEpsilon,
    ascent: enumWords('ASCENT_METHOD_', spec.ascent),
    images: images ? imagesName(images) : null,
    reason: choice?.reason ?? 'No module has a finite criticality.',
    modules: [...result.modules]
      .sort((a, b) => order(a.mrc) - order(b.mrc))
      .map((module) => ({
        name: module.name,
        mrc: finite(module.mrc),
        robustAccuracyDrop: finite(module.robustAccuracyDrop),
        perturbationRatio: finite(module.perturbationRatio),
        firstOrder: finite(module.firstOrder),
        standardError: finite(module.standardError),
        seconds: module.seconds,
        nanEpochs: module.nanEpochs,
        chosen: membersOf(module).every((name) => tuned.has(name)),
        tied: choice?.tied.includes(module.name) ?? false,
      })),
    stability: result.stability && {
      seeds: result.stability.seeds,
      spearman: finite(result.stability.spearman),
      leastAgreement: finite(result.stability.leastAgreement),
      largestSpread: finite(result.stability.largestSpread),
    },
    pruned: Math.max(0, result.estimates.length - result.modules.length),
    greedy: result.greedy.map(({ added, mrc, tried }) => ({ added, mrc: finite(mrc), tried })),
  };
}

/** Modules without a number go last. */
function order(mrc: number): number {
  return Number.isFinite(mrc) ? mrc : Infinity;
}

/** Names of the modules that were fine-tuned; empty when all parameters or the last layer were, or nothing was. */
export function tunedModules(input: ReportInput): readonly string[] {
  if (!input.fineTune) return [];
  const { spec } = input.fineTune;
  if (spec.scope === 'FINE_TUNE_SCOPE_ALL' || spec.scope === 'FINE_TUNE_SCOPE_LAST') return [];
  if (spec.modules.length > 0) return spec.modules;
  return (input.criticality && chooseModules(input.criticality.result, input.fineTune.choice)?.modules) ?? [];
}

/** Epochs of the fine-tuning; what was not measured (negative) is null. */
export function fineTuneData(input: ReportInput): FineTuneData | null {
  if (!input.fineTune) return null;
  const { spec, result } = input.fineTune;
  return {
    scope: enumWords('FINE_TUNE_SCOPE_', spec.scope === 'FINE_TUNE_SCOPE_UNSPECIFIED' ? 'FINE_TUNE_SCOPE_MODULES' : spec.scope),
    batchNorm: enumWords('BATCH_NORM_MODE_', spec.batchNorm),
    chosenEpoch: result.chosenEpoch,
    epochs: epochsData(result.epochs),
    sweep: result.sweep.map(({ learningRate, selectionStandard }) => ({
      learningRate,
      selectionStandard: selectionStandard < 0 ? null : finite(selectionStandard),
    })),
    relativeChange: Object.fromEntries(Object.entries(result.relativeChange).map(([name, value]) => [name, finite(value)])),
  };
}

/**
 * The walk from the original to the fine-tuned weights, every point against the one at alpha = 0.
 *
 * @throws InvalidArgument when a point lacks an outcome or contradicts itself.
 */
export function pathData(input: ReportInput): PathData | null {
  if (!input.interpolate) return null;
  const { spec, result, images } = input.interpolate;
  const measured = result.points.map(readPoint);
  const original = measured.find(({ alpha }) => alpha === 0);
  const against = (point: Point): Point | undefined =>
    original && original.total === point.total && original.total > 0 ? original : undefined;
  const points = measured.map((point): PathPointData => {
    const base = against(point);
    const adversarialChange = base ? changeOf(base.adversarial, point.adversarial, undefined) : null;
    const adversarial = accuracyOf(point.adversarial.correct, point.adversarial.total);
    return {
      alpha: point.alpha,
      standard: accuracyOf(point.standard.correct, point.standard.total),
      adversarial,
      standardChange: base ? changeOf(base.standard, point.standard, undefined) : null,
      adversarialChange,
      allowed: point.alpha === 0 || isAllowed(adversarial, original, adversarialChange, spec),
      chosen: point.alpha === result.chosenAlpha,
    };
  });
  return {
    rule: RULES[spec.rule],
    margin: spec.margin,
    attack: spec.attack ? `${attackName(spec.attack)} (${threatModelName(spec.attack)})` : 'no attack',
    images: images ? imagesName(images) : null,
    chosenAlpha: result.chosenAlpha,
    reason: result.reason,
    points,
  };
}

const RULES: Readonly<Record<Spec['rule'], string>> = {
  ALPHA_RULE_UNSPECIFIED: 'none',
  ALPHA_RULE_PAPER: 'the largest standard accuracy among those whose adversarial accuracy is at least the original’s minus the margin',
  ALPHA_RULE_NON_INFERIOR: 'the largest standard accuracy among those whose adversarial accuracy is non-inferior (paired, one-sided 95 %)',
};

type Spec = NonNullable<ReportInput['interpolate']>['spec'];
type Point = ReturnType<typeof readPoint>;

function isAllowed(
  adversarial: AccuracyData,
  original: Point | undefined,
  change: PathPointData['adversarialChange'],
  spec: Spec,
): boolean {
  if (spec.rule === 'ALPHA_RULE_NON_INFERIOR') return change !== null && nonInferiority(change, spec.margin).holds;
  return (
    original !== undefined && adversarial.accuracy >= original.adversarial.correct / original.adversarial.total - spec.margin - ROUNDING
  );
}

function readPoint(point: AlphaPoint): { alpha: number; standard: Outcome; adversarial: Outcome; total: number } {
  const field = `interpolate.points[alpha=${point.alpha}]`;
  const adversarial = point.adversarial?.outcome;
  if (!point.standard || !adversarial) throw new InvalidArgument(field, '', 'must hold a standard and an adversarial outcome');
  checkOutcome(point.standard, `${field}.standard`);
  checkOutcome(adversarial, `${field}.adversarial`);
  return { alpha: point.alpha, standard: point.standard, adversarial, total: point.standard.total };
}

type Outcome = NonNullable<AlphaPoint['standard']>;
