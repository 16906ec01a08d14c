import type {
  AttackSpec,
  CraftStage,
  CriticalitySpec,
  CriticalityStage,
  DataSource,
  EvaluateSpec,
  FineTuneSpec,
  FineTuneStage,
  InterpolateSpec,
  NetworkSource,
  Plan,
  Stage,
  TrainSpec,
} from '@rift/contracts';

/** The run's own network. */
export const GIVEN: NetworkSource = { source: 'network', network: '' };

/** A network by digest or registered name. */
export function networkSource(network: string): NetworkSource {
  return { source: 'network', network };
}

function stage(id: string, after: string[], content: Partial<Stage> & Pick<Stage, 'kind'>): Stage {
  return { id, after, ...content };
}

/** Crafts an adversarial set: attack with `--save`. */
export function craftPlan(data: DataSource, attack: AttackSpec, seed: number): Plan {
  return { stages: [craftStage('attack', data, attack, seed)] };
}

function craftStage(id: string, data: DataSource, attack: AttackSpec, seed: number): Stage {
  const craft: CraftStage = { network: GIVEN, data, spec: { attack, seed } };
  return stage(id, [], { kind: 'craft', craft });
}

/** Measures accuracies; the corruptions may read other images than the attacks, hence two stages side by side. */
export function evaluatePlan(parts: readonly { readonly id: string; readonly data: DataSource; readonly spec: EvaluateSpec }[]): Plan {
  return { stages: parts.map(({ id, data, spec }) => stage(id, [], { kind: 'evaluate', evaluate: { network: GIVEN, data, spec } })) };
}

/** Where the adversarial set of a criticality measurement comes from. */
export type AdversarialSource =
  | { readonly kind: 'set'; readonly digest: string }
  | { readonly kind: 'craft'; readonly data: DataSource; readonly attack: AttackSpec; readonly seed: number };

/** How a criticality stage measures beside the settings of one measurement. */
export type Measurement = Pick<CriticalityStage, 'seeds' | 'measuredShare' | 'greedy'>;

/** Measures criticality on a given adversarial set, or on one that is crafted first. */
export function criticalityPlan(source: AdversarialSource, spec: CriticalitySpec, measurement: Measurement): Plan {
  if (source.kind === 'set') {
    const criticality = { network: GIVEN, adversarialSet: 'digest', digest: source.digest, spec, ...measurement } as const;
    return { stages: [stage('criticality', [], { kind: 'criticality', criticality })] };
  }
  const criticality = { network: GIVEN, adversarialSet: 'craftStage', craftStage: 'craft', spec, ...measurement } as const;
  return {
    stages: [
      craftStage('craft', source.data, source.attack, source.seed),
      stage('criticality', ['craft'], { kind: 'criticality', criticality }),
    ],
  };
}

/** Fine-tunes named modules, or whatever the scope says. */
export function fineTunePlan(train: DataSource, selection: DataSource | null, spec: FineTuneSpec, sweep: FineTuneStage['sweep']): Plan {
  const fineTune = { network: GIVEN, train, selection, spec, criticalityStage: '', choice: null, sweep };
  return { stages: [stage('fine-tune', [], { kind: 'fineTune', fineTune })] };
}

/** Walks from the run's network to another one. */
export function interpolatePlan(to: string, data: DataSource, spec: InterpolateSpec): Plan {
  const interpolate = { from: GIVEN, to: networkSource(to), data, spec };
  return { stages: [stage('interpolate', [], { kind: 'interpolate', interpolate })] };
}

/** What a training reads. */
export interface TrainingSources {
  readonly train: DataSource;
  readonly selection: DataSource | null;
  /** Generated images. */
  readonly extra: DataSource | null;
  /** Digest of the network to go on from. */
  readonly initial: string | undefined;
}

/** Trains a new network, or goes on with a given one. */
export function trainPlan({ initial, ...images }: TrainingSources, spec: TrainSpec): Plan {
  const content = { ...images, spec, initial: initial === undefined ? null : networkSource(initial) };
  return { stages: [stage('train', [], { kind: 'train', train: content })] };
}
