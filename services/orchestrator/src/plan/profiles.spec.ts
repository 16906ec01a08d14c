import type { AttackSpec, Plan } from '@rift/contracts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { someDataset, someSettings } from '../testing/messages.js';
import { expandPlan } from './expand.js';

const PROFILES = ['PROFILE_PAPER', 'PROFILE_CODE', 'PROFILE_SOUND'] as const;

/** A row of the table "Profiles" of docs/method.md: where the plan holds the choice, and what it is in paper, code and sound. */
type Row = readonly [choice: string, of: (plan: Plan) => unknown, expected: readonly [paper: unknown, code: unknown, sound: unknown]];

const stage = ({ stages }: Plan, id: string) => {
  const found = stages.find((candidate) => candidate.id === id);
  assert.ok(found, id);
  return found;
};
const criticality = (plan: Plan) => stage(plan, 'criticality').criticality?.spec;
const fineTune = (plan: Plan) => stage(plan, 'fine-tune').fineTune;
const interpolate = (plan: Plan) => stage(plan, 'interpolate').interpolate;
const attacks = (plan: Plan) => ['before', 'after'].map((id) => stage(plan, id).evaluate?.spec?.attacks);

/** PGD-10 within the paper's threat model. */
const pgd10 = (stepSize: number, restarts: number, toTheEnd = false): AttackSpec => ({
  ...{ kind: 'ATTACK_KIND_PGD', threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 }, stepSize, steps: 10, restarts },
  ...{ randomStart: true, targets: 0, toTheEnd },
});
/** Both evaluations take one attack, the same. */
const twice = (attack: AttackSpec) => [[attack], [attack]];
const same = (value: unknown) => [value, value, value] as const;

const OPTIMIZER = {
  ...{ learningRate: 0.001, momentum: 0.9, weightDecay: 5e-4, nesterov: false, schedule: 'SCHEDULE_KIND_STEP' },
  ...{ milestones: [5], gamma: 0.1, pctStart: 0 },
};

const ROWS: readonly Row[] = [
  ['images for MRC', (plan) => stage(plan, 'craft').craft?.data?.split, ['train', 'test', 'val']],
  [
    'PGD while crafting, all steps and the last iterate',
    (plan) => stage(plan, 'craft').craft?.spec?.attack,
    [pgd10(2 / 255, 1, true), pgd10(2 / 225, 1, true), pgd10(2 / 255, 1, true)],
  ],
  [
    'maximiser',
    (plan) => criticality(plan)?.ascent,
    ['ASCENT_METHOD_SGD_STOP', 'ASCENT_METHOD_SGD_EPOCH', 'ASCENT_METHOD_NORMALIZED_GRADIENT'],
  ],
  [
    'its learning rate, epochs, batch and starts',
    (plan) => [criticality(plan)?.learningRate, criticality(plan)?.epochs, criticality(plan)?.batchSize, criticality(plan)?.starts],
    same([1, 10, 512, 1]),
  ],
  ['weight ball', (plan) => [criticality(plan)?.weightNorm, criticality(plan)?.weightEpsilon], same(['NORM_L2', 0.1])],
  [
    'modules, all of them, layer by layer',
    (plan) => [criticality(plan)?.grouping, criticality(plan)?.groups, criticality(plan)?.modules, criticality(plan)?.estimateOnly],
    same(['MODULE_GROUPING_LAYER', [], [], false]),
  ],
  ['module', (plan) => fineTune(plan)?.choice, same({ rule: 'MODULE_RULE_LEAST_CRITICAL', count: 1 })],
  [
    'fine-tuning',
    (plan) => {
      const { seed, ...spec } = fineTune(plan)?.spec ?? {};
      return seed === undefined ? undefined : spec;
    },
    same({
      ...{ scope: 'FINE_TUNE_SCOPE_MODULES', modules: [], epochs: 10, batchSize: 128, optimizer: OPTIMIZER },
      augment: { padding: 4, paddingMode: 'PADDING_MODE_REFLECT', flip: true },
      ...{ batchNorm: 'BATCH_NORM_MODE_TRACK', keepBest: true, trustRegion: 0 },
    }),
  ],
  ['epoch chosen on', (plan) => fineTune(plan)?.selection?.split, ['test', 'test', 'val']],
  ['alpha chosen on', (plan) => interpolate(plan)?.data?.split, ['test', 'test', 'val']],
  [
    'rule for alpha and its margin',
    (plan) => [interpolate(plan)?.spec?.rule, interpolate(plan)?.spec?.margin],
    [
      ['ALPHA_RULE_PAPER', 0.001],
      ['ALPHA_RULE_PAPER', 0.001],
      ['ALPHA_RULE_NON_INFERIOR', 0.005],
    ],
  ],
  ['grid of alpha', (plan) => interpolate(plan)?.spec?.alphas, same([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])],
  ['refinements of the grid', (plan) => interpolate(plan)?.spec?.refinements, [0, 0, 2]],
  ['attack along the line', (plan) => interpolate(plan)?.spec?.attack, [pgd10(2 / 255, 3), pgd10(2 / 225, 1), pgd10(2 / 255, 1)]],
  ['adversarial accuracy', attacks, [twice(pgd10(2 / 255, 3)), twice(pgd10(2 / 225, 1)), twice(pgd10(2 / 255, 3))]],
];

describe('the profiles choose as the table of docs/method.md says', () => {
  const plans = PROFILES.map((profile) => expandPlan(someSettings({ profile }), someDataset()));

  for (const [choice, of, expected] of ROWS) {
    it(choice, () => {
      for (const [index, plan] of plans.entries()) assert.deepEqual(of(plan), expected[index], PROFILES[index]);
    });
  }
});
