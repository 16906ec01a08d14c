import type { DatasetInfo, DataSource, ImageLimits, NetworkSource, Plan, RunSettings, Stage } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit/client';
import { DEFAULT_SEVERITIES } from './corruptions.js';
import { choicesOf, type ProfileChoices } from './profiles.js';
import { seedFor } from './seeds.js';

/** Pictures kept for the report's gallery. */
const GALLERY = 8;

/** Images that the diagnostics look at: enough to find what inflates accuracies by points, few enough to take seconds. */
const DIAGNOSED = 50;

const NO_LIMITS: ImageLimits = { criticality: 0, train: 0, selection: 0, test: 0, corruption: 0 };

/** The network that a method starts from, and the stages that have to be done before it is there. */
export interface Start {
  readonly network: NetworkSource;
  readonly after: readonly string[];
}

/**
 * Makes the complete plan of a profile: craft, criticality, fine-tune, interpolate, the evaluations before and after (accuracies
 * and corruptions apart, since they may read different numbers of images) and the report.
 *
 * @param settings settings with a profile, a network and a data set.
 * @param dataset the data set that the settings name; tells which splits there are and how many images they hold.
 * @throws InvalidArgument naming the settings' field at fault.
 */
export function expandPlan(settings: RunSettings, dataset: DatasetInfo): Plan {
  if (settings.network === '') {
    throw new InvalidArgument(
      'settings.network',
      '',
      'must name a network when no plan is sent: the plan of a profile starts from a trained one',
    );
  }
  const stages = methodOf(settings, dataset, { network: { source: 'network', network: '' }, after: [] });
  const report: Stage = {
    id: 'report',
    after: stages.map(({ id }) => id),
    kind: 'report',
    report: { beforeStage: 'before', afterStage: 'after' },
  };
  return { stages: [...stages, report] };
}

/**
 * The stages of a profile from any network on, given or made by an earlier stage of the plan; without the report.
 *
 * @throws InvalidArgument naming the settings' field at fault.
 */
export function methodOf(
  settings: Pick<RunSettings, 'profile' | 'seed' | 'limits' | 'dataset'>,
  dataset: DatasetInfo,
  { network: given, after: first }: Start,
): Stage[] {
  const choices = choicesOf(settings.profile);
  if (!choices) {
    throw new InvalidArgument(
      'settings.profile',
      settings.profile,
      'must be PROFILE_PAPER, PROFILE_CODE or PROFILE_SOUND when no plan is sent',
    );
  }
  const limits = settings.limits ?? NO_LIMITS;
  const images = (split: string, limit: number): DataSource => selectImages(dataset, settings, split, limit);
  const seed = (purpose: string): number => seedFor(settings.seed, purpose);
  const made = (stage: string): NetworkSource => ({ source: 'stage', stage });

  const evaluation = (id: string, network: NetworkSource, after: readonly string[]): Stage => ({
    id,
    after: [...after],
    kind: 'evaluate',
    evaluate: {
      network,
      data: images('test', limits.test),
      // One seed before and after: the same random starts, so that paired tests see the networks alone.
      spec: {
        standard: true,
        attacks: [choices.evaluation],
        corruptions: [],
        severities: [],
        seed: seed('evaluate'),
        gallery: GALLERY,
        diagnostics: { threatModel: choices.evaluation.threatModel, images: DIAGNOSED },
      },
    },
  });
  const corruptions = (id: string, network: NetworkSource, after: readonly string[]): Stage => ({
    id,
    after: [...after],
    kind: 'evaluate',
    evaluate: {
      network,
      data: images('test', limits.corruption),
      spec: {
        standard: false,
        attacks: [],
        corruptions: [...choices.corruptions],
        severities: [...DEFAULT_SEVERITIES],
        seed: seed('corrupt'),
        gallery: 0,
        diagnostics: null,
      },
    },
  });

  return [
    ...methodStages(choices, { given, first, made, images, limits, seed }),
    evaluation('before', given, first),
    corruptions('before-corruptions', given, first),
    evaluation('after', made('interpolate'), ['interpolate']),
    corruptions('after-corruptions', made('interpolate'), ['interpolate']),
  ];
}

interface Parts {
  readonly given: NetworkSource;
  /** Stages before the first one. */
  readonly first: readonly string[];
  readonly made: (stage: string) => NetworkSource;
  readonly images: (split: string, limit: number) => DataSource;
  readonly limits: ImageLimits;
  readonly seed: (purpose: string) => number;
}

/** The paper's three steps (section 4), with the adversarial set before them. */
function methodStages(choices: ProfileChoices, parts: Parts): Stage[] {
  const { given, first, made, images, limits, seed } = parts;
  return [
    {
      id: 'craft',
      after: [...first],
      kind: 'craft',
      craft: {
        network: given,
        data: images(choices.craftSplit, limits.criticality),
        spec: { attack: choices.craft, seed: seed('craft') },
      },
    },
    {
      id: 'criticality',
      after: [...first, 'craft'],
      kind: 'criticality',
      criticality: {
        network: given,
        adversarialSet: 'craftStage',
        craftStage: 'craft',
        spec: { ...choices.criticality, seed: seed('criticality') },
        seeds: 1,
        measuredShare: 0,
        greedy: null,
      },
    },
    {
      id: 'fine-tune',
      after: [...first, 'criticality'],
      kind: 'fineTune',
      fineTune: {
        network: given,
        train: images('train', limits.train),
        selection: images(choices.selectionSplit, limits.selection),
        spec: { ...choices.fineTune, seed: seed('fine-tune') },
        criticalityStage: 'criticality',
        choice: { rule: 'MODULE_RULE_LEAST_CRITICAL', count: 1 },
        sweep: null,
      },
    },
    {
      id: 'interpolate',
      after: [...first, 'fine-tune'],
      kind: 'interpolate',
      interpolate: {
        from: given,
        to: made('fine-tune'),
        data: images(choices.selectionSplit, limits.selection),
        spec: { ...choices.interpolate, seed: seed('interpolate') },
      },
    },
  ];
}

function selectImages(dataset: DatasetInfo, settings: Pick<RunSettings, 'dataset' | 'profile'>, split: string, limit: number): DataSource {
  const found = dataset.splits[split];
  if (!found) {
    const advice = split === 'val' ? '; import the data set with held-out images, or choose another profile' : '';
    throw new InvalidArgument(
      'settings.dataset',
      settings.dataset,
      `must have the split "${split}", which ${settings.profile} reads (it has ${Object.keys(dataset.splits).sort().join(', ') || 'none'})${advice}`,
    );
  }
  return { split, offset: 0, limit: limit === 0 ? found.count : Math.min(limit, found.count) };
}
