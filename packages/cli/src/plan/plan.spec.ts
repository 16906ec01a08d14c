import type { OptimizerSpec, Plan } from '@rift/contracts';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { InvalidArgument, NotFound } from '@rift/service-kit/client';

import { UsageError } from '../errors.js';
import { METHODS } from '../parse/vocabulary.js';
import { completeAttack } from './attacks.js';
import { editPlan, type PlanEdits } from './edit.js';
import { completeTraining, type TrainChoice } from './recipes.js';
import { presetOfMethod, trainingPreset } from '@rift/orchestrator/training-presets';
import { readRunSpec } from './spec-file.js';
import { GIVEN } from './stages.js';

describe('completeAttack', () => {
  it('takes the published settings where nothing is said', () => {
    const pgd = completeAttack({ kind: 'ATTACK_KIND_PGD' }, 10);
    assert.deepEqual([pgd.steps, pgd.restarts, pgd.randomStart, pgd.toTheEnd, pgd.targets], [10, 3, true, false, 0]);
    assert.ok(Math.abs(pgd.stepSize - 2 / 255) < 1e-12);
    assert.equal(pgd.threatModel?.epsilon, 8 / 255);
    const l2 = completeAttack({ kind: 'ATTACK_KIND_PGD', norm: 'NORM_L2' }, 10);
    assert.ok(Math.abs(l2.stepSize - 15 / 255) < 1e-12);
    const fgsm = completeAttack({ kind: 'ATTACK_KIND_FGSM' }, 10);
    assert.deepEqual([fgsm.steps, fgsm.restarts, fgsm.randomStart, fgsm.stepSize], [1, 1, false, 8 / 255]);
    assert.equal(completeAttack({ kind: 'ATTACK_KIND_SQUARE' }, 10).steps, 5000);
  });

  it('aims targeted attacks at no more classes than there are others', () => {
    assert.equal(completeAttack({ kind: 'ATTACK_KIND_AUTOATTACK_STANDARD' }, 10).targets, 9);
    assert.equal(completeAttack({ kind: 'ATTACK_KIND_APGD_T' }, 5).targets, 4);
  });

  it('keeps a step greater than 0 at radius 0', () => {
    assert.ok(completeAttack({ kind: 'ATTACK_KIND_PGD', epsilon: 0 }, 10).stepSize > 0);
  });

  it('refuses an option that means nothing for the attack', () => {
    const wrong = [
      { kind: 'ATTACK_KIND_APGD_CE', stepSize: 0.01 },
      { kind: 'ATTACK_KIND_FGSM', steps: 5 },
      { kind: 'ATTACK_KIND_AUTOATTACK_STANDARD', steps: 5 },
      { kind: 'ATTACK_KIND_AUTOATTACK_STANDARD', restarts: 5 },
      { kind: 'ATTACK_KIND_PGD', targets: 3 },
    ] as const;
    for (const choice of wrong) assert.throws(() => completeAttack(choice, 10), UsageError);
  });
});

describe('completeTraining', () => {
  const base = { arch: 'resnet18', width: 16, seed: 3, hasSelection: true } as const;
  const pgd = presetOfMethod('TRAIN_METHOD_PGD');
  const fast = presetOfMethod('TRAIN_METHOD_FAST');

  it('takes every choice of the preset where nothing is said, but the network and the seed', () => {
    for (const method of Object.values(METHODS)) {
      const preset = presetOfMethod(method);
      const spec = completeTraining(preset, base);
      assert.deepEqual(spec, { ...preset.spec, architecture: { arch: 'resnet18', width: 16 }, seed: 3 }, method);
    }
    const own = completeTraining(fast, { seed: 0, hasSelection: true });
    assert.deepEqual(own.architecture, { arch: 'preact-resnet18', width: 64 });
    assert.equal(completeTraining(fast, { width: 8, seed: 0, hasSelection: true }).architecture?.width, 8);
  });

  it('moves the milestones with the number of epochs', () => {
    assert.deepEqual(completeTraining(pgd, base).optimizer?.milestones, [100, 105]);
    assert.deepEqual(completeTraining(pgd, { ...base, epochs: 22 }).optimizer?.milestones, [20, 21]);
    assert.deepEqual(completeTraining(pgd, { ...base, epochs: 1 }).optimizer?.milestones, []);
  });

  it('measures nothing between epochs without held-out images, and then keeps the last epoch', () => {
    const spec = completeTraining(presetOfMethod('TRAIN_METHOD_TRADES'), { ...base, hasSelection: false });
    assert.equal(spec.selectionAttack, null);
    assert.equal(spec.keepBest, false);
    assert.equal(spec.beta, 6);
  });

  it('keeps the step at its share of the radius, and trains fast with one step of 1.25 radii', () => {
    const spec = completeTraining(fast, { ...base, epsilon: 4 / 255 });
    assert.equal(spec.attack?.kind, 'ATTACK_KIND_FGSM');
    assert.ok(Math.abs((spec.attack?.stepSize ?? 0) - 5 / 255) < 1e-12);
    assert.ok(Math.abs((spec.selectionAttack?.stepSize ?? 0) - 1 / 255) < 1e-12);
    const l2 = completeTraining(pgd, { ...base, norm: 'NORM_L2' });
    assert.deepEqual(l2.attack?.threatModel, { norm: 'NORM_L2', epsilon: 128 / 255 });
    assert.ok(Math.abs((l2.attack?.stepSize ?? 0) - 15 / 255) < 1e-12);
    assert.equal(completeTraining(fast, { ...base, steps: 3 }).attack?.kind, 'ATTACK_KIND_PGD');
  });

  it('lets every said thing stand', () => {
    const preset = trainingPreset('trades-generated');
    assert.ok(preset);
    const said: Partial<TrainChoice> = {
      ...{ batchSize: 64, startNoise: 0.002, beta: 2, labelSmoothing: 0.2, awpGamma: 0.1, awpWarmup: 3, scoreClip: 0.5 },
      ...{ scoreClipsSecondTerm: true, emaDecay: 0.9, extraFraction: 0.3, overfittingGuard: 0.1, patience: 4, preprocess: 'none' },
      craftBatchNorm: 'CRAFT_BATCH_NORM_TRAIN',
      cleanForwards: 'CLEAN_FORWARDS_AFTER_UPDATE',
    };
    const optimizer: OptimizerSpec = {
      ...{ learningRate: 0.5, momentum: 0.8, weightDecay: 1e-3, nesterov: false, gamma: 0.2, pctStart: 0.4 },
      schedule: 'SCHEDULE_KIND_STEP',
      milestones: [3, 5],
    };
    const augment = { padding: 2, paddingMode: 'PADDING_MODE_REFLECT', flip: false } as const;
    const attack = { norm: 'NORM_LINF', epsilon: 4 / 255, stepSize: 0.01, steps: 3 } as const;
    const spec = completeTraining(preset, { ...base, epochs: 7, ...said, ...optimizer, ...augment, ...attack });
    for (const [name, value] of Object.entries(said)) assert.equal(spec[name as keyof typeof spec], value, name);
    assert.deepEqual([spec.epochs, spec.optimizer, spec.augment], [7, optimizer, augment]);
    assert.deepEqual([spec.attack?.threatModel?.epsilon, spec.attack?.stepSize, spec.attack?.steps], [4 / 255, 0.01, 3]);
  });
});

describe('editPlan', () => {
  const spec = {
    standard: false,
    attacks: [],
    corruptions: ['fog', 'snow'],
    severities: [1, 2, 3, 4, 5],
    seed: 0,
    gallery: 0,
    diagnostics: null,
  };
  const data = { split: 'test', offset: 0, limit: 10 };
  const plan: Plan = {
    stages: [
      { id: 'craft', after: [], kind: 'craft', craft: { network: GIVEN, data, spec: { attack: null, seed: 0 } } },
      {
        id: 'criticality',
        after: ['craft'],
        kind: 'criticality',
        criticality: {
          network: GIVEN,
          adversarialSet: 'craftStage',
          craftStage: 'craft',
          spec: null,
          seeds: 1,
          measuredShare: 0,
          greedy: null,
        },
      },
      {
        id: 'fine-tune',
        after: ['criticality'],
        kind: 'fineTune',
        fineTune: {
          network: GIVEN,
          train: data,
          selection: data,
          criticalityStage: 'criticality',
          choice: null,
          sweep: null,
          spec: {
            ...{ scope: 'FINE_TUNE_SCOPE_MODULES', modules: [], epochs: 10, batchSize: 128, batchNorm: 'BATCH_NORM_MODE_TRACK' },
            ...{ keepBest: true, trustRegion: 0, seed: 0, augment: null },
            optimizer: {
              ...{ learningRate: 0.001, momentum: 0.9, weightDecay: 0, nesterov: false, schedule: 'SCHEDULE_KIND_STEP' },
              ...{ milestones: [5], gamma: 0.1, pctStart: 0 },
            },
          } as never,
        },
      },
      {
        id: 'before',
        after: [],
        kind: 'evaluate',
        evaluate: { network: GIVEN, data, spec: { ...spec, standard: true, corruptions: [], severities: [] } },
      },
      { id: 'before-corruptions', after: [], kind: 'evaluate', evaluate: { network: GIVEN, data, spec } },
      {
        id: 'report',
        after: ['criticality', 'before', 'before-corruptions'],
        kind: 'report',
        report: { beforeStage: 'before', afterStage: 'before' },
      },
    ],
  };
  const ids = (edited: Plan): string[] => edited.stages.map(({ id }) => id);

  it('without edits gives the same plan, and never touches the given one', () => {
    const copy = structuredClone(plan);
    assert.deepEqual(editPlan(plan, {}), copy);
    editPlan(plan, { modules: { kind: 'named', modules: ['conv1'] }, corruptions: [], epochs: 2 });
    assert.deepEqual(plan, copy);
  });

  it('leaves criticality out when the module is named, with every reference to it', () => {
    const edited = editPlan(plan, { modules: { kind: 'named', modules: ['layer2.1.conv2'] } });
    assert.deepEqual(ids(edited), ['fine-tune', 'before', 'before-corruptions', 'report']);
    assert.deepEqual(edited.stages[0]?.fineTune?.spec?.modules, ['layer2.1.conv2']);
    assert.deepEqual(edited.stages[0]?.after, []);
    assert.deepEqual(edited.stages.at(-1)?.after, ['before', 'before-corruptions']);
  });

  it('changes corruptions where they are measured, or leaves those stages out', () => {
    const fewer = editPlan(plan, { corruptions: ['fog'], severities: [3] });
    assert.deepEqual(fewer.stages[4]?.evaluate?.spec?.corruptions, ['fog']);
    assert.deepEqual(fewer.stages[4]?.evaluate?.spec?.severities, [3]);
    assert.deepEqual(fewer.stages[3]?.evaluate?.spec?.corruptions, []);
    assert.ok(!ids(editPlan(plan, { corruptions: [] })).includes('before-corruptions'));
  });

  it('moves the milestones with the epochs', () => {
    const tuning = editPlan(plan, { epochs: 4 }).stages[2]?.fineTune?.spec;
    assert.equal(tuning?.epochs, 4);
    assert.deepEqual(tuning?.optimizer?.milestones, [2]);
  });

  it('refuses a module where nothing is fine-tuned', () => {
    assert.throws(() => editPlan({ stages: [] }, { modules: { kind: 'named', modules: ['conv1'] } }), InvalidArgument);
  });

  it('chooses all layers or the last one without measuring criticality', () => {
    const edited = editPlan(plan, { modules: { kind: 'scope', scope: 'FINE_TUNE_SCOPE_LAST' } });
    assert.ok(!ids(edited).includes('criticality'));
    assert.deepEqual([edited.stages[0]?.fineTune?.spec?.scope, edited.stages[0]?.fineTune?.spec?.modules], ['FINE_TUNE_SCOPE_LAST', []]);
  });

  it('chooses modules by their criticality, and grows a set where that is the rule', () => {
    const greedy = { kind: 'rule', rule: 'MODULE_RULE_GREEDY', count: 3, candidates: 5 } as const;
    const edited = editPlan(plan, { modules: greedy });
    assert.deepEqual(edited.stages[1]?.criticality?.greedy, { modules: 3, candidates: 5 });
    assert.deepEqual(edited.stages[2]?.fineTune?.choice, { rule: 'MODULE_RULE_GREEDY', count: 3 });
    const most = { kind: 'rule', rule: 'MODULE_RULE_MOST_CRITICAL', count: 1, candidates: 0 } as const;
    assert.equal(editPlan(plan, { modules: most }).stages[1]?.criticality?.greedy, null);
  });

  it('measures named alphas as they are, unless asked to refine between them', () => {
    const line = {
      from: GIVEN,
      to: GIVEN,
      data,
      spec: { alphas: [0, 1], rule: 'ALPHA_RULE_PAPER', margin: 0, attack: null, seed: 0, refinements: 2 },
    };
    const walk: Plan = { stages: [{ id: 'interpolate', after: [], kind: 'interpolate', interpolate: line as never }] };
    const refinements = (edits: PlanEdits) => editPlan(walk, edits).stages[0]?.interpolate?.spec?.refinements;
    assert.equal(refinements({}), 2);
    assert.equal(refinements({ alphas: [0, 0.5, 1] }), 0);
    assert.equal(refinements({ alphas: [0, 0.5, 1], refinements: 3 }), 3);
  });

  it('sweeps learning rates, sets the arm of batch norm, the trust region, seeds and pruning', () => {
    const sweep = { rates: [0.001, 0.01], epochs: 2 };
    const edits = { sweep, batchNorm: 'BATCH_NORM_MODE_FREEZE', trustRegion: 0.1, criticalitySeeds: 3, measuredShare: 0.25 } as const;
    const { stages } = editPlan(plan, edits);
    assert.deepEqual(stages[2]?.fineTune?.sweep, sweep);
    assert.deepEqual([stages[2]?.fineTune?.spec?.batchNorm, stages[2]?.fineTune?.spec?.trustRegion], ['BATCH_NORM_MODE_FREEZE', 0.1]);
    assert.deepEqual([stages[1]?.criticality?.seeds, stages[1]?.criticality?.measuredShare], [3, 0.25]);
  });
});

describe('readRunSpec', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rift-spec-'));
  });
  after(async () => rm(folder, { recursive: true }));

  const read = async (content: string) => {
    const path = join(folder, 'run.json');
    await writeFile(path, content);
    return readRunSpec(path);
  };

  it('reads settings and plan in the form of the gRPC API', async () => {
    const spec = await read(
      JSON.stringify({
        name: 'n',
        settings: { profile: 'PROFILE_CODE', limits: { test: 5 } },
        plan: { stages: [{ id: 'craft', kind: 'craft', craft: {} }] },
      }),
    );
    assert.equal(spec.settings?.profile, 'PROFILE_CODE');
    assert.equal(spec.plan?.stages[0]?.id, 'craft');
  });

  it('names the path of an unknown field with the nearest name', async () => {
    await assert.rejects(read('{"settings":{"profle":"PROFILE_CODE"}}'), /settings\.profle is no field\. Did you mean profile\?/);
    await assert.rejects(read('{"plan":{"stages":[{"id":"a","craft":{"spec":{"seeed":1}}}]}}'), /plan\.stages\[0\]\.craft\.spec\.seeed/);
  });

  it('names the path of a wrong enum, list or object', async () => {
    await assert.rejects(read('{"settings":{"profile":"sound"}}'), /settings\.profile must be one of PROFILE_PAPER/);
    await assert.rejects(read('{"plan":{"stages":{}}}'), /plan\.stages must be a list/);
    await assert.rejects(read('{"settings":[]}'), /settings must not be a list/);
    await assert.rejects(read('[]'), /must be an object/);
    await assert.rejects(read('{"name":'), /is no JSON/);
  });

  it('says when the file is not there', async () => {
    await assert.rejects(readRunSpec(join(folder, 'none.json')), NotFound);
  });
});
