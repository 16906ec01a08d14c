import type { DatasetInfo, DataSource, NetworkSource, Plan, RunSettings, Stage } from '@rift/contracts';
import { InvalidArgument, type Violation } from '@rift/service-kit';
import { orderStages } from './order.js';
import { checkChoices, checkMeasurement } from './validate-choice.js';
import { checkSpec, type Report } from './validate-spec.js';

const STAGE_ID = /^[a-z0-9-]{1,40}$/;
const MAX_STAGES = 100;

/** Kinds of stages that make a network. */
const NETWORK_MAKERS: readonly StageKind[] = ['train', 'fineTune', 'interpolate'];

/** What a stage does. */
export type StageKind = NonNullable<Stage['kind']>;

/**
 * Checks a plan as a whole: identifiers, references and their kinds, cycles, splits and image ranges, and the ranges of every
 * number in a stage's settings. All broken rules are reported together.
 *
 * @param plan plan as decoded.
 * @param settings settings of the run that the plan belongs to.
 * @param dataset data set that the settings name.
 * @returns the stages in an order in which each comes after all it needs.
 * @throws InvalidArgument with one violation for each field at fault, as `plan.stages[2].after`.
 */
export function validatePlan(plan: Plan, settings: RunSettings, dataset: DatasetInfo): Stage[] {
  const violations: Violation[] = [];
  const report = (field: string, value: unknown, rule: string): void => {
    violations.push(...new InvalidArgument(field, value, rule).violations);
  };
  if (plan.stages.length === 0) report('plan.stages', plan.stages, 'must name at least one stage');
  if (plan.stages.length > MAX_STAGES) report('plan.stages', `${plan.stages.length} stages`, `must name at most ${MAX_STAGES} stages`);

  const kinds = new Map<string, StageKind | undefined>();
  for (const [index, stage] of plan.stages.entries()) {
    const field = `plan.stages[${index}]`;
    if (!STAGE_ID.test(stage.id)) report(`${field}.id`, stage.id, 'must be 1 to 40 characters of a-z, 0-9 and "-"');
    if (kinds.has(stage.id)) report(`${field}.id`, stage.id, 'must be unique within the plan');
    kinds.set(stage.id, stage.kind);
  }
  for (const [index, stage] of plan.stages.entries()) {
    checkStage(stage, { field: `plan.stages[${index}]`, kinds, stages: plan.stages, settings, dataset, report });
  }
  if (violations.length > 0) throw new InvalidArgument(violations);
  return orderStages(plan.stages);
}

interface StageCheck {
  readonly field: string;
  readonly kinds: ReadonlyMap<string, StageKind | undefined>;
  readonly stages: readonly Stage[];
  readonly settings: RunSettings;
  readonly dataset: DatasetInfo;
  readonly report: Report;
}

function checkStage(stage: Stage, check: StageCheck): void {
  const { field, kinds, report } = check;
  for (const [index, id] of stage.after.entries()) {
    if (id === stage.id) report(`${field}.after[${index}]`, id, 'must not be the stage itself');
    else if (!kinds.has(id)) report(`${field}.after[${index}]`, id, 'must be the id of a stage of this plan');
  }
  if (stage.kind === undefined) {
    report(field, stage.id, 'must say what the stage does (craft, criticality, fineTune, interpolate, evaluate, corrupt, train or report)');
    return;
  }
  const refer = (path: string, id: string, wanted: readonly StageKind[]): void => checkReference(stage, check, path, id, wanted);
  switch (stage.kind) {
    case 'craft':
      checkNetwork(stage.craft?.network, `${field}.craft.network`, check, refer);
      checkData(stage.craft?.data, `${field}.craft.data`, check);
      break;
    case 'criticality':
      checkNetwork(stage.criticality?.network, `${field}.criticality.network`, check, refer);
      if (stage.criticality?.adversarialSet === 'craftStage') {
        refer(`${field}.criticality.craftStage`, stage.criticality.craftStage ?? '', ['craft']);
      } else if (!isDigest(stage.criticality?.digest ?? '')) {
        report(
          `${field}.criticality.adversarialSet`,
          stage.criticality?.digest ?? '',
          'must be a craft stage or the SHA-256 of an adversarial set',
        );
      }
      if (stage.criticality) checkMeasurement(stage.criticality, `${field}.criticality`, report);
      break;
    case 'fineTune':
      checkNetwork(stage.fineTune?.network, `${field}.fineTune.network`, check, refer);
      checkData(stage.fineTune?.train, `${field}.fineTune.train`, check);
      if (stage.fineTune?.selection) checkData(stage.fineTune.selection, `${field}.fineTune.selection`, check);
      if (needsChoice(stage)) refer(`${field}.fineTune.criticalityStage`, stage.fineTune?.criticalityStage ?? '', ['criticality']);
      if (stage.fineTune) checkChoices(stage.fineTune, `${field}.fineTune`, needsChoice(stage), check.stages, report);
      break;
    case 'interpolate':
      checkNetwork(stage.interpolate?.from, `${field}.interpolate.from`, check, refer);
      checkNetwork(stage.interpolate?.to, `${field}.interpolate.to`, check, refer);
      checkData(stage.interpolate?.data, `${field}.interpolate.data`, check);
      break;
    case 'evaluate':
      checkNetwork(stage.evaluate?.network, `${field}.evaluate.network`, check, refer);
      checkData(stage.evaluate?.data, `${field}.evaluate.data`, check);
      break;
    case 'corrupt':
      checkData(stage.corrupt?.data, `${field}.corrupt.data`, check);
      break;
    case 'train':
      checkData(stage.train?.train, `${field}.train.train`, check);
      if (stage.train?.selection) checkData(stage.train.selection, `${field}.train.selection`, check);
      if (stage.train?.extra) checkData(stage.train.extra, `${field}.train.extra`, check);
      if (stage.train?.initial) checkNetwork(stage.train.initial, `${field}.train.initial`, check, refer);
      break;
    case 'report':
      for (const [name, id] of [
        ['beforeStage', stage.report?.beforeStage],
        ['afterStage', stage.report?.afterStage],
      ] as const) {
        // A plan that trains its network has nothing to measure before.
        if (name === 'beforeStage' && (id ?? '') === '' && check.settings.network === '') continue;
        refer(`${field}.report.${name}`, id ?? '', ['evaluate']);
      }
      break;
  }
  checkSpec(stage, field, report);
}

/** Whether the stage takes the module to fine-tune from a criticality stage. */
export function needsChoice(stage: Stage): boolean {
  const spec = stage.fineTune?.spec;
  const byModule = spec?.scope === 'FINE_TUNE_SCOPE_MODULES' || spec?.scope === 'FINE_TUNE_SCOPE_UNSPECIFIED';
  return byModule && spec.modules.length === 0;
}

type Refer = (path: string, id: string, wanted: readonly StageKind[]) => void;

function checkReference(stage: Stage, check: StageCheck, path: string, id: string, wanted: readonly StageKind[]): void {
  const kind = check.kinds.get(id);
  const named = wanted.join(', ');
  if (kind === undefined) check.report(path, id, `must be the id of a stage of this plan (${named})`);
  else if (!wanted.includes(kind)) check.report(path, id, `must be a stage of kind ${named}, not ${kind}`);
  else if (!stage.after.includes(id)) check.report(path, id, `must also be named in ${check.field}.after`);
}

function checkNetwork(source: NetworkSource | null | undefined, path: string, check: StageCheck, refer: Refer): void {
  if (source?.source === 'stage') refer(`${path}.stage`, source.stage ?? '', NETWORK_MAKERS);
  else if (source?.source !== 'network') check.report(path, '', 'must be a network or a stage that makes one');
  else if ((source.network ?? '') === '' && check.settings.network === '') {
    check.report(`${path}.network`, '', "must name a network, since the run's settings name none");
  }
}

function checkData(source: DataSource | null | undefined, path: string, { dataset, report }: StageCheck): void {
  if (!source) {
    report(path, '', 'must say which images are read');
    return;
  }
  const split = dataset.splits[source.split];
  if (!split) {
    report(`${path}.split`, source.split, `must be a split of the data set (${Object.keys(dataset.splits).sort().join(', ')})`);
  } else if (source.offset >= split.count) {
    report(`${path}.offset`, source.offset, `must be below ${split.count}, the number of images of "${source.split}"`);
  } else if (source.offset + source.limit > split.count) {
    report(
      `${path}.limit`,
      source.limit,
      `must be at most ${split.count - source.offset}, the images of "${source.split}" from ${source.offset} on`,
    );
  }
}

const DIGEST = /^[0-9a-f]{64}$/;

/** Whether the text is a SHA-256 in lower-case hexadecimal. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}
