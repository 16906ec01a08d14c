import type {
  AttackSpec,
  CriticalitySpec,
  EvaluateSpec,
  FineTuneSpec,
  InterpolateSpec,
  OptimizerSpec,
  Stage,
  TrainSpec,
} from '@rift/contracts';

/** Reports one broken rule of a field. */
export type Check = (field: string, value: unknown, rule: string) => void;

/**
 * Checks the ranges of the numbers in a stage's settings, so that a mistake shows before the run begins and not hours later.
 * Whatever depends on the network or the engine (names of modules, methods that exist) is checked by the worker.
 *
 * @param field path of the stage.
 */
export function checkSpec(stage: Stage, field: string, report: Check): void {
  const missing = (path: string): void => report(path, '', 'must be set');
  switch (stage.kind) {
    case 'craft':
      if (stage.craft?.spec) checkAttack(stage.craft.spec.attack, `${field}.craft.spec.attack`, report);
      else missing(`${field}.craft.spec`);
      break;
    case 'criticality':
      if (stage.criticality?.spec) checkCriticality(stage.criticality.spec, `${field}.criticality.spec`, report);
      else missing(`${field}.criticality.spec`);
      break;
    case 'fineTune':
      if (stage.fineTune?.spec) checkFineTune(stage.fineTune.spec, stage.fineTune.selection !== null, `${field}.fine_tune.spec`, report);
      else missing(`${field}.fine_tune.spec`);
      break;
    case 'interpolate':
      if (stage.interpolate?.spec) checkInterpolate(stage.interpolate.spec, `${field}.interpolate.spec`, report);
      else missing(`${field}.interpolate.spec`);
      break;
    case 'evaluate':
      if (stage.evaluate?.spec) checkEvaluate(stage.evaluate.spec, `${field}.evaluate.spec`, report);
      else missing(`${field}.evaluate.spec`);
      break;
    case 'corrupt':
      if (stage.corrupt?.spec) {
        const { corruption, severity } = stage.corrupt.spec;
        if (corruption === '') missing(`${field}.corrupt.spec.corruption`);
        checkSeverity(severity, `${field}.corrupt.spec.severity`, report);
      } else missing(`${field}.corrupt.spec`);
      break;
    case 'train':
      if (stage.train?.spec) checkTrain(stage.train.spec, stage.train.selection !== null, `${field}.train.spec`, report);
      else missing(`${field}.train.spec`);
      break;
    case 'report':
    case undefined:
      break;
  }
}

function range(field: string, value: number, low: number, high: number, report: Check): void {
  if (!(value >= low && value <= high)) report(field, value, `must be between ${low} and ${high}`);
}

function positive(field: string, value: number, report: Check): void {
  if (!(value > 0 && Number.isFinite(value))) report(field, value, 'must be greater than 0');
}

const STEPPING: readonly string[] = ['ATTACK_KIND_FGSM', 'ATTACK_KIND_PGD', 'ATTACK_KIND_CW'];

function checkAttack(attack: AttackSpec | null, field: string, report: Check): void {
  if (!attack || attack.kind === 'ATTACK_KIND_UNSPECIFIED') {
    report(`${field}.kind`, attack?.kind ?? '', 'must be an attack');
    return;
  }
  const norm = attack.threatModel?.norm ?? 'NORM_UNSPECIFIED';
  if (norm === 'NORM_UNSPECIFIED') report(`${field}.threat_model.norm`, norm, 'must be NORM_LINF, NORM_L2 or NORM_L1');
  const epsilon = attack.threatModel?.epsilon ?? NaN;
  if (!(epsilon >= 0 && Number.isFinite(epsilon))) report(`${field}.threat_model.epsilon`, epsilon, 'must be at least 0');
  if (STEPPING.includes(attack.kind)) positive(`${field}.step_size`, attack.stepSize, report);
  range(`${field}.steps`, attack.steps, 1, 100_000, report);
  range(`${field}.restarts`, attack.restarts, 1, 1000, report);
}

function checkCriticality(spec: CriticalitySpec, field: string, report: Check): void {
  if (!(spec.weightEpsilon >= 0 && Number.isFinite(spec.weightEpsilon)))
    report(`${field}.weight_epsilon`, spec.weightEpsilon, 'must be at least 0');
  if (spec.weightNorm === 'NORM_UNSPECIFIED') report(`${field}.weight_norm`, spec.weightNorm, 'must be NORM_LINF, NORM_L2 or NORM_L1');
  if (spec.ascent === 'ASCENT_METHOD_UNSPECIFIED') report(`${field}.ascent`, spec.ascent, 'must be a maximiser');
  range(`${field}.epochs`, spec.epochs, 1, 1000, report);
  if (spec.ascent === 'ASCENT_METHOD_CONDITIONAL_GRADIENT') range(`${field}.starts`, spec.starts, 1, 1000, report);
  else {
    positive(`${field}.learning_rate`, spec.learningRate, report);
    positive(`${field}.batch_size`, spec.batchSize, report);
  }
}

function checkOptimizer(optimizer: OptimizerSpec | null, field: string, report: Check): void {
  if (!optimizer) {
    report(field, '', 'must be set');
    return;
  }
  positive(`${field}.learning_rate`, optimizer.learningRate, report);
  range(`${field}.momentum`, optimizer.momentum, 0, 1, report);
  if (!(optimizer.weightDecay >= 0)) report(`${field}.weight_decay`, optimizer.weightDecay, 'must be at least 0');
  if (optimizer.schedule === 'SCHEDULE_KIND_UNSPECIFIED') report(`${field}.schedule`, optimizer.schedule, 'must be a schedule');
}

function checkFineTune(spec: FineTuneSpec, hasSelection: boolean, field: string, report: Check): void {
  range(`${field}.epochs`, spec.epochs, 1, 10_000, report);
  positive(`${field}.batch_size`, spec.batchSize, report);
  checkOptimizer(spec.optimizer, `${field}.optimizer`, report);
  if (spec.batchNorm === 'BATCH_NORM_MODE_UNSPECIFIED') report(`${field}.batch_norm`, spec.batchNorm, 'must be a batch-norm mode');
  if (!(spec.trustRegion >= 0)) report(`${field}.trust_region`, spec.trustRegion, 'must be at least 0');
  if (spec.keepBest && !hasSelection) report(`${field}.keep_best`, true, 'needs selection images, by which the best epoch is told');
}

function checkInterpolate(spec: InterpolateSpec, field: string, report: Check): void {
  const { alphas } = spec;
  const rising = alphas.every((alpha, index) => index === 0 || alpha > (alphas[index - 1] ?? NaN));
  if (alphas.length < 2 || alphas[0] !== 0 || alphas.at(-1) !== 1 || !rising) {
    report(`${field}.alphas`, alphas, 'must rise from 0 to 1, both included');
  }
  if (alphas.length > 1001) report(`${field}.alphas`, `${alphas.length} positions`, 'must be at most 1001 positions');
  if (spec.rule === 'ALPHA_RULE_UNSPECIFIED') report(`${field}.rule`, spec.rule, 'must be ALPHA_RULE_PAPER or ALPHA_RULE_NON_INFERIOR');
  range(`${field}.margin`, spec.margin, 0, 1, report);
  checkAttack(spec.attack, `${field}.attack`, report);
}

function checkSeverity(severity: number, field: string, report: Check): void {
  range(field, severity, 1, 5, report);
}

function checkEvaluate(spec: EvaluateSpec, field: string, report: Check): void {
  if (!spec.standard && spec.attacks.length === 0 && spec.corruptions.length === 0) {
    report(field, '', 'must ask for standard accuracy, an attack or a corruption');
  }
  spec.attacks.forEach((attack, index) => checkAttack(attack, `${field}.attacks[${index}]`, report));
  if (spec.corruptions.length > 0 && spec.severities.length === 0) report(`${field}.severities`, [], 'must name at least one severity');
  spec.severities.forEach((severity, index) => checkSeverity(severity, `${field}.severities[${index}]`, report));
  range(`${field}.gallery`, spec.gallery, 0, 100, report);
}

function checkTrain(spec: TrainSpec, hasSelection: boolean, field: string, report: Check): void {
  if (spec.method === 'TRAIN_METHOD_UNSPECIFIED') report(`${field}.method`, spec.method, 'must be a training method');
  range(`${field}.epochs`, spec.epochs, 1, 10_000, report);
  positive(`${field}.batch_size`, spec.batchSize, report);
  checkOptimizer(spec.optimizer, `${field}.optimizer`, report);
  if (spec.method !== 'TRAIN_METHOD_STANDARD') checkAttack(spec.attack, `${field}.attack`, report);
  if (spec.selectionAttack) checkAttack(spec.selectionAttack, `${field}.selection_attack`, report);
  if ((spec.keepBest || spec.patience > 0) && !hasSelection) {
    report(`${field}.keep_best`, spec.keepBest, 'and patience need selection images, by which epochs are compared');
  }
}
