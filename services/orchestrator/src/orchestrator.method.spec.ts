import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Plan, Run } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import { CatalogServiceConstructor, RunServiceConstructor } from '@rift/contracts';
import { presetOfMethod } from './plan/training-presets.js';
import { FAKE_MODULES } from './testing/fake-workers.js';
import { Harness } from './testing/harness.js';
import { someSettings } from './testing/messages.js';

describe('choices of the method', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start(2);
  });
  after(() => harness.close());

  /** Stages that `change` may alter, by their identifier. */
  type Stages = Record<string, Plan['stages'][number]>;

  async function run(change: (stages: Stages) => void, seed = 7): Promise<Run> {
    const { plan } = await harness.peer.unary(RunServiceConstructor.service.ExpandPlan, { settings: someSettings({ seed }) });
    assert.ok(plan);
    plan.stages = plan.stages.filter(({ kind }) => kind !== 'evaluate' && kind !== 'report');
    change(Object.fromEntries(plan.stages.map((stage) => [stage.id, stage])));
    const ended = await harness.ended((await harness.create({ seed }, plan)).id);
    assert.equal(ended.failure, null);
    return ended;
  }

  const resultOf = (ended: Run, id: string) => ended.stages.find((stage) => stage.id === id)?.result;
  const tunedIn = (ended: Run) => Object.keys(resultOf(ended, 'fine-tune')?.fineTune?.relativeChange ?? {}).sort();
  const measuredBy = (ended: Run) =>
    harness.workers.flatMap((worker) => worker.done('MeasureCriticality')).filter((call) => call.context.runId === ended.id).length;

  it('fine-tunes the k least critical modules, or the most critical one', async () => {
    const top = await run((stages) => (stages['fine-tune']!.fineTune!.choice = { rule: 'MODULE_RULE_LEAST_CRITICAL', count: 2 }));
    assert.deepEqual(tunedIn(top), ['layer1.0.conv1', 'layer2.0.conv1']);
    const most = await run((stages) => (stages['fine-tune']!.fineTune!.choice = { rule: 'MODULE_RULE_MOST_CRITICAL', count: 1 }));
    assert.deepEqual(tunedIn(most), ['linear']);
  });

  it('grows a set by joint criticality, measured anew for every candidate', async () => {
    const ended = await run((stages) => {
      stages['criticality']!.criticality!.greedy = { modules: 2, candidates: 0 };
      stages['fine-tune']!.fineTune!.choice = { rule: 'MODULE_RULE_GREEDY', count: 2 };
    });
    // The least critical module of its own beside layer2.0.conv1 is layer1.0.conv1; together linear is the least critical.
    assert.deepEqual(tunedIn(ended), ['layer2.0.conv1', 'linear']);
    const steps = resultOf(ended, 'criticality')?.criticality?.greedy ?? [];
    assert.deepEqual(
      steps.map(({ added, tried }) => [added, tried]),
      [
        ['layer2.0.conv1', 0],
        ['linear', FAKE_MODULES.length - 1],
      ],
    );
  });

  it('tries no more candidates than asked for', async () => {
    const ended = await run((stages) => (stages['criticality']!.criticality!.greedy = { modules: 2, candidates: 1 }));
    assert.deepEqual(resultOf(ended, 'criticality')?.criticality?.greedy[1]?.modules, ['layer2.0.conv1', 'layer1.0.conv1']);
  });

  it('measures with several seeds and says how far they agree', async () => {
    const ended = await run((stages) => (stages['criticality']!.criticality!.seeds = 3), 31);
    const measured = resultOf(ended, 'criticality')?.criticality;
    assert.equal(measuredBy(ended), 3 * FAKE_MODULES.length);
    assert.ok(measured?.modules.every(({ seedMrcs, mrc }) => seedMrcs.length === 3 && mrc === Math.max(...seedMrcs)));
    assert.equal(measured?.stability?.seeds, 3);
    assert.equal(measured.stability.spearman, 1);
  });

  it('measures only the share of the modules with the lowest first-order estimates', async () => {
    const ended = await run((stages) => (stages['criticality']!.criticality!.measuredShare = 0.3), 32);
    const measured = resultOf(ended, 'criticality')?.criticality;
    assert.deepEqual(
      measured?.modules.map(({ name }) => name),
      ['layer2.0.conv1', 'layer1.0.conv1'],
    );
    assert.equal(measured?.estimates.length, FAKE_MODULES.length);
    assert.equal(measuredBy(ended), 3);
  });

  it('measures named groups jointly and fine-tunes all modules of the least critical one', async () => {
    const ended = await run((stages) => {
      const spec = stages['criticality']!.criticality!.spec!;
      spec.grouping = 'MODULE_GROUPING_NAMED';
      spec.groups = [
        { name: 'ends', modules: ['layer2.0.conv1', 'linear'] },
        { name: 'middle', modules: ['layer1.0.conv1', 'layer1.0.conv2'] },
      ];
    });
    assert.deepEqual(tunedIn(ended), ['layer2.0.conv1', 'linear']);
  });

  it('measures blocks, which the engine alone knows, in one call', async () => {
    const ended = await run((stages) => (stages['criticality']!.criticality!.spec!.grouping = 'MODULE_GROUPING_BLOCK'));
    const requests = harness.workers.flatMap((worker) => worker.requests('MeasureCriticality', ended.id, 'criticality'));
    assert.deepEqual(
      requests.map(({ spec }) => [spec?.grouping, spec?.modules, spec?.groups]),
      [['MODULE_GROUPING_BLOCK', [], []]],
    );
  });

  it('estimates without measuring, by rising estimate', async () => {
    const ended = await run((stages) => {
      stages['criticality']!.criticality!.spec!.estimateOnly = true;
      stages['fine-tune']!.fineTune!.spec!.modules = ['linear'];
      stages['fine-tune']!.fineTune!.criticalityStage = '';
      stages['fine-tune']!.fineTune!.choice = null;
    });
    const estimated = resultOf(ended, 'criticality')?.criticality;
    assert.deepEqual(estimated?.modules, []);
    const names = estimated.estimates.map(({ name }) => name);
    assert.deepEqual([names.length, names[0], names.at(-1)], [FAKE_MODULES.length, 'layer2.0.conv1', 'linear']);
    const requests = harness.workers.flatMap((worker) => worker.requests('MeasureCriticality', ended.id, 'criticality'));
    assert.deepEqual(
      requests.map(({ spec }) => spec?.estimateOnly),
      [true],
    );
  });

  it('trains on from a network, with generated images beside the real ones', async () => {
    const spec = { ...presetOfMethod('TRAIN_METHOD_TRADES').spec, extraFraction: 0.3 };
    const images = (split: string, limit: number) => ({ split, offset: 0, limit });
    const train = {
      ...{ train: images('train', 60), selection: images('val', 50), extra: images('test', 40), spec },
      initial: { source: 'network', network: '' } as const,
    };
    const ended = await harness.ended((await harness.create({}, { stages: [{ id: 'train', after: [], kind: 'train', train }] })).id);
    assert.equal(ended.failure, null);
    const [request] = harness.workers.flatMap((worker) => worker.requests('TrainAdversarially', ended.id, 'train'));
    const { entry } = await harness.peer.unary(CatalogServiceConstructor.service.GetDataset, { dataset: 'toy' });
    const { splits = {} } = entry?.dataset ?? {};
    const selected = (name: string, limit: number) => ({ splitDigest: splits[name]?.digest, offset: 0, limit });
    assert.deepEqual(request?.train, selected('train', 60));
    assert.deepEqual(request.selection, selected('val', 50));
    assert.deepEqual(request.extra, selected('test', 40));
    assert.deepEqual(request.initial, { digest: 'a'.repeat(64), blend: null });
    assert.deepEqual(request.spec, spec);
  });

  it('sweeps learning rates on held-out images and trains on with the best', async () => {
    const ended = await run((stages) => (stages['fine-tune']!.fineTune!.sweep = { rates: [0.001, 0.01, 0.1], epochs: 1 }));
    const tuned = resultOf(ended, 'fine-tune')?.fineTune;
    assert.deepEqual(
      tuned?.sweep.map(({ learningRate }) => learningRate),
      [0.001, 0.01, 0.1],
    );
    assert.equal(tuned?.epochs[0]?.learningRate, 0.01);
    assert.equal(
      harness.workers.flatMap((worker) => worker.done('FineTune')).filter(({ context }) => context.runId === ended.id).length,
      4,
    );
  });

  it('refines alpha between the points of the grid, and not where the plan does not ask for it', async () => {
    const refined = resultOf(await run(() => undefined), 'interpolate')?.interpolate;
    assert.equal(refined?.points.length, 15);
    // The gain in standard accuracy is complete from 0.875 on; 0.9 is the first such point of the grid.
    assert.equal(refined.chosenAlpha, 0.875);
    const plain = resultOf(await run((stages) => (stages['interpolate']!.interpolate!.spec!.refinements = 0)), 'interpolate')?.interpolate;
    assert.deepEqual([plain?.points.length, plain?.chosenAlpha], [11, 0.9]);
  });

  it('refuses choices that the plan cannot make, by field', async () => {
    const refused = async (change: (stages: Stages) => void): Promise<string[]> => {
      try {
        await run(change);
        return [];
      } catch (error) {
        assert.ok(error instanceof InvalidArgument, String(error));
        return error.violations.map(({ field }) => field);
      }
    };
    assert.deepEqual(await refused((stages) => (stages['fine-tune']!.fineTune!.choice = { rule: 'MODULE_RULE_GREEDY', count: 2 })), [
      'plan.stages[2].fineTune.choice.rule',
    ]);
    assert.deepEqual(
      await refused((stages) => {
        stages['criticality']!.criticality!.greedy = { modules: 2, candidates: 0 };
        stages['fine-tune']!.fineTune!.choice = { rule: 'MODULE_RULE_GREEDY', count: 3 };
      }),
      ['plan.stages[2].fineTune.choice.count'],
    );
    assert.deepEqual(
      await refused((stages) => {
        stages['criticality']!.criticality!.seeds = 21;
        stages['criticality']!.criticality!.measuredShare = 1.5;
        stages['fine-tune']!.fineTune!.sweep = { rates: [0.1], epochs: 0 };
        stages['interpolate']!.interpolate!.spec!.refinements = 11;
      }),
      [
        'plan.stages[1].criticality.seeds',
        'plan.stages[1].criticality.measuredShare',
        'plan.stages[2].fineTune.sweep.rates',
        'plan.stages[2].fineTune.sweep.epochs',
        'plan.stages[3].interpolate.spec.refinements',
      ],
    );
    assert.deepEqual(await refused((stages) => (stages['criticality']!.criticality!.spec!.estimateOnly = true)), [
      'plan.stages[2].fineTune.criticalityStage',
    ]);
  });
});
