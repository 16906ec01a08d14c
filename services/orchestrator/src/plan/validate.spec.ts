import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Plan, Stage } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import { someDataset, someSettings } from '../testing/messages.js';
import { expandPlan } from './expand.js';
import { presetOfMethod } from './training-presets.js';
import { validatePlan } from './validate.js';

const dataset = someDataset();

/** Fields that validation complains about after a change to the sound profile's plan. */
function faults(change: (stages: Record<string, Stage>, plan: Plan) => void, settings = someSettings()): string[] {
  const plan = structuredClone(expandPlan(someSettings(), dataset));
  change(Object.fromEntries(plan.stages.map((stage) => [stage.id, stage])), plan);
  try {
    validatePlan(plan, settings, dataset);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidArgument)) throw error;
    return error.violations.map((violation) => violation.field);
  }
}

describe('validatePlan', () => {
  it('refuses a reference to a stage that does not exist', () => {
    assert.deepEqual(
      faults((stage) => (stage['criticality']!.criticality!.craftStage = 'nowhere')),
      ['plan.stages[1].criticality.craftStage'],
    );
  });

  it('refuses a reference to a stage of another kind', () => {
    assert.deepEqual(
      faults((stage) => (stage['fine-tune']!.fineTune!.network = { source: 'stage', stage: 'criticality' })),
      ['plan.stages[2].fineTune.network.stage'],
    );
  });

  it('refuses a reference that "after" does not name', () => {
    assert.deepEqual(
      faults((stage) => (stage['interpolate']!.after = [])),
      ['plan.stages[3].interpolate.to.stage'],
    );
  });

  it('refuses a cycle and shows its stages', () => {
    assert.throws(
      () => {
        const plan = expandPlan(someSettings(), dataset);
        plan.stages.find((stage) => stage.id === 'craft')!.after = ['interpolate'];
        validatePlan(plan, someSettings(), dataset);
      },
      (error) => error instanceof InvalidArgument && /craft -> criticality -> fine-tune -> interpolate -> craft/.test(error.message),
    );
  });

  it('refuses a stage that waits for itself', () => {
    assert.deepEqual(
      faults((stage) => stage['craft']!.after.push('craft')),
      ['plan.stages[0].after[0]'],
    );
  });

  it('refuses unknown splits and images beyond the end of a split', () => {
    assert.deepEqual(
      faults((stage) => {
        stage['craft']!.craft!.data!.split = 'validation';
        stage['before']!.evaluate!.data = { split: 'test', offset: 90, limit: 20 };
        stage['after']!.evaluate!.data = { split: 'test', offset: 100, limit: 0 };
      }),
      ['plan.stages[0].craft.data.split', 'plan.stages[4].evaluate.data.limit', 'plan.stages[6].evaluate.data.offset'],
    );
  });

  it('refuses identifiers that are malformed or repeated', () => {
    assert.deepEqual(
      faults((stage) => {
        stage['before']!.id = 'Before!';
        stage['after-corruptions']!.id = 'after';
      }).filter((field) => field.endsWith('.id')),
      ['plan.stages[4].id', 'plan.stages[7].id'],
    );
  });

  it('refuses a stage without a kind and a plan without stages', () => {
    assert.deepEqual(
      faults((_, plan) => (plan.stages = [{ id: 'x', after: [] }])),
      ['plan.stages[0]'],
    );
    assert.deepEqual(
      faults((_, plan) => (plan.stages = [])),
      ['plan.stages'],
    );
  });

  it('refuses the run’s network where the settings name none', () => {
    assert.ok(faults(() => undefined, someSettings({ network: '' })).includes('plan.stages[0].craft.network.network'));
  });

  it('refuses numbers outside their ranges, all at once', () => {
    assert.deepEqual(
      faults((stage) => {
        stage['craft']!.craft!.spec!.attack!.threatModel!.epsilon = NaN;
        stage['criticality']!.criticality!.spec!.epochs = 0;
        stage['fine-tune']!.fineTune!.spec!.optimizer!.learningRate = -1;
        stage['interpolate']!.interpolate!.spec!.alphas = [0, 0.5, 0.4, 1];
        stage['before']!.evaluate!.spec!.gallery = 101;
      }),
      [
        'plan.stages[0].craft.spec.attack.threatModel.epsilon',
        'plan.stages[1].criticality.spec.epochs',
        'plan.stages[2].fineTune.spec.optimizer.learningRate',
        'plan.stages[3].interpolate.spec.alphas',
        'plan.stages[4].evaluate.spec.gallery',
      ],
    );
  });

  it('refuses to keep the best epoch without selection images', () => {
    assert.deepEqual(
      faults((stage) => (stage['fine-tune']!.fineTune!.selection = null)),
      ['plan.stages[2].fineTune.selection'],
    );
  });

  it('lets a plan that trains its own network report without an evaluation before', () => {
    const evaluate: Stage = {
      ...{ id: 'after', after: ['train'], kind: 'evaluate' },
      evaluate: {
        network: { source: 'stage', stage: 'train' },
        data: { split: 'test', offset: 0, limit: 0 },
        spec: { standard: true, attacks: [], corruptions: [], severities: [], seed: 0, gallery: 0, diagnostics: null },
      },
    };
    const images = { split: 'train', offset: 0, limit: 0 };
    const selection = { split: 'val', offset: 0, limit: 0 };
    const { spec } = presetOfMethod('TRAIN_METHOD_MART');
    const train: Stage = { id: 'train', after: [], kind: 'train', train: { train: images, selection, spec, initial: null, extra: null } };
    const report: Stage = { id: 'report', after: ['train', 'after'], kind: 'report', report: { beforeStage: '', afterStage: 'after' } };
    const only = (stages: Stage[]) => (_: unknown, plan: Plan) => void (plan.stages = stages);
    assert.deepEqual(faults(only([train, evaluate, report]), someSettings({ network: '' })), []);
    assert.deepEqual(faults(only([train, evaluate, report])), ['plan.stages[2].report.beforeStage']);
  });

  it('takes extra images together with their fraction or not at all', () => {
    const images = { split: 'train', offset: 0, limit: 0 };
    const { spec } = presetOfMethod('TRAIN_METHOD_MART');
    for (const [extra, extraFraction] of [
      [images, 0],
      [null, 0.5],
    ] as const) {
      const train = { train: images, selection: images, spec: { ...spec, extraFraction }, initial: null, extra };
      const stages: Stage[] = [{ id: 'train', after: [], kind: 'train', train }];
      assert.deepEqual(
        faults((_, plan) => (plan.stages = stages)),
        ['plan.stages[0].train.extra'],
      );
    }
  });

  it('orders stages so that each follows all it needs', () => {
    const plan = expandPlan(someSettings(), dataset);
    plan.stages.reverse();
    const ids = validatePlan(plan, someSettings(), dataset).map((stage) => stage.id);
    for (const stage of plan.stages) {
      for (const before of stage.after) assert.ok(ids.indexOf(before) < ids.indexOf(stage.id), `${before} before ${stage.id}`);
    }
  });
});
