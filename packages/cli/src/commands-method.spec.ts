import type { Plan } from '@rift/contracts';
import { expandPlan } from '@rift/orchestrator/plan';
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { differences } from './testing/differences.js';
import { CliFixture } from './testing/fixture.js';

/** A row: what is typed beside the command, and all that it changes in the plan. */
type Row = readonly [flags: string, changes: Readonly<Record<string, unknown>>];

describe('options of the method change their own fields of the plan and no others', () => {
  const cli = new CliFixture();

  /** The plan that a command asks for; that it then fails, since the fake has no results, is of no matter. */
  async function planOf(command: string): Promise<Plan> {
    await cli.run(...command.split(' '));
    return cli.plan();
  }

  async function check(command: string, rows: readonly Row[]): Promise<void> {
    const plain = await planOf(command);
    for (const [flags, changes] of rows) {
      assert.deepEqual(differences(plain, await planOf(`${command} ${flags}`)), changes, flags);
    }
  }

  it('rift run', async () => {
    const { dataset } = cli.fake.datasets.get('pictures') ?? {};
    assert.ok(dataset);
    const settings = { network: 'net', dataset: 'pictures', profile: 'PROFILE_SOUND', seed: 0, limits: null } as const;
    const plan = expandPlan({ ...settings, compute: null, noCache: false, priority: 0 }, dataset);
    await writeFile(cli.path('run.json'), JSON.stringify({ plan }));
    await check(`run --spec ${cli.path('run.json')} --network net --data pictures --detach`, [
      [
        '--modules top:2 --mrc-seeds 3 --prune .5 --sweep-lr .001,.01 --sweep-epochs 2 --batch-norm reestimate --trust-region .1 ' +
          '--alphas 0,1 --refine 3 --rule paper --margin .02 --restarts 5',
        {
          'criticality.criticality.seeds': 3,
          'criticality.criticality.measuredShare': 0.5,
          'fine-tune.fineTune.choice.count': 2,
          'fine-tune.fineTune.sweep': { rates: [0.001, 0.01], epochs: 2 },
          'fine-tune.fineTune.spec.batchNorm': 'BATCH_NORM_MODE_REESTIMATE',
          'fine-tune.fineTune.spec.trustRegion': 0.1,
          'interpolate.interpolate.spec.alphas': [0, 1],
          'interpolate.interpolate.spec.refinements': 3,
          'interpolate.interpolate.spec.rule': 'ALPHA_RULE_PAPER',
          'interpolate.interpolate.spec.margin': 0.02,
          'before.evaluate.spec.attacks.0.restarts': 5,
          'after.evaluate.spec.attacks.0.restarts': 5,
        },
      ],
      [
        '--lr .02 --epochs 4 --corruptions fog,snow --severities 2,4',
        {
          'fine-tune.fineTune.spec.optimizer.learningRate': 0.02,
          'fine-tune.fineTune.spec.optimizer.milestones.0': 2,
          'fine-tune.fineTune.spec.epochs': 4,
          'before-corruptions.evaluate.spec.corruptions': ['fog', 'snow'],
          'before-corruptions.evaluate.spec.severities': [2, 4],
          'after-corruptions.evaluate.spec.corruptions': ['fog', 'snow'],
          'after-corruptions.evaluate.spec.severities': [2, 4],
        },
      ],
    ]);
    const limits = '--limit-criticality 11 --limit-train 12 --limit-selection 13 --limit-test 14 --limit-corruption 15';
    await planOf(`run --spec ${cli.path('run.json')} --network net --data pictures --detach --profile code --priority -3 ${limits}`);
    const { settings: asked } = cli.created();
    assert.deepEqual(asked?.limits, { criticality: 11, train: 12, selection: 13, test: 14, corruption: 15 });
    assert.deepEqual([asked.profile, asked.priority], ['PROFILE_CODE', -3]);
  });

  it('rift criticality', async () => {
    await check('criticality --network net --data pictures', [
      ['--grouping block', { 'criticality.criticality.spec.grouping': 'MODULE_GROUPING_BLOCK' }],
      [
        '--groups ends=conv1+layer2.1.conv2,first=conv1',
        {
          'criticality.criticality.spec.grouping': 'MODULE_GROUPING_NAMED',
          'criticality.criticality.spec.groups': [
            { name: 'ends', modules: ['conv1', 'layer2.1.conv2'] },
            { name: 'first', modules: ['conv1'] },
          ],
        },
      ],
      ['--modules conv1', { 'criticality.criticality.spec.modules': ['conv1'] }],
      ['--weight-norm linf', { 'criticality.criticality.spec.weightNorm': 'NORM_LINF' }],
      ['--weight-eps .2', { 'criticality.criticality.spec.weightEpsilon': 0.2 }],
      ['--epochs 20', { 'criticality.criticality.spec.epochs': 20 }],
      ['--starts 4', { 'criticality.criticality.spec.starts': 4 }],
      ['--estimate', { 'criticality.criticality.spec.estimateOnly': true }],
      ['--prune .5', { 'criticality.criticality.measuredShare': 0.5 }],
      ['--seeds 3', { 'criticality.criticality.seeds': 3 }],
      ['--greedy 2', { 'criticality.criticality.greedy': { modules: 2, candidates: 0 } }],
      ['--seed 7', { 'craft.craft.spec.seed': 7, 'criticality.criticality.spec.seed': 7 }],
      [
        '--split test --offset 5 --limit 20',
        { 'craft.craft.data.split': 'test', 'craft.craft.data.offset': 5, 'craft.craft.data.limit': 20 },
      ],
      [
        '--profile paper',
        {
          'craft.craft.data.split': 'train',
          'craft.craft.data.limit': 800,
          'criticality.criticality.spec.profile': 'PROFILE_PAPER',
          'criticality.criticality.spec.ascent': 'ASCENT_METHOD_SGD_STOP',
        },
      ],
    ]);
  });

  it('rift finetune', async () => {
    await check('finetune --network net --data pictures --scope last', [
      ['--scope all', { 'fine-tune.fineTune.spec.scope': 'FINE_TUNE_SCOPE_ALL' }],
      [
        '--scope modules --module conv1,layer2.1.conv2',
        {
          'fine-tune.fineTune.spec.scope': 'FINE_TUNE_SCOPE_MODULES',
          'fine-tune.fineTune.spec.modules': ['conv1', 'layer2.1.conv2'],
        },
      ],
      ['--epochs 4', { 'fine-tune.fineTune.spec.epochs': 4, 'fine-tune.fineTune.spec.optimizer.milestones.0': 2 }],
      ['--batch-size 32', { 'fine-tune.fineTune.spec.batchSize': 32 }],
      ['--lr .02', { 'fine-tune.fineTune.spec.optimizer.learningRate': 0.02 }],
      ['--momentum .5', { 'fine-tune.fineTune.spec.optimizer.momentum': 0.5 }],
      ['--weight-decay .003', { 'fine-tune.fineTune.spec.optimizer.weightDecay': 0.003 }],
      ['--sweep-lr .001,.01 --sweep-epochs 2', { 'fine-tune.fineTune.sweep': { rates: [0.001, 0.01], epochs: 2 } }],
      ['--batch-norm freeze', { 'fine-tune.fineTune.spec.batchNorm': 'BATCH_NORM_MODE_FREEZE' }],
      ['--trust-region .1', { 'fine-tune.fineTune.spec.trustRegion': 0.1 }],
      ['--limit 60', { 'fine-tune.fineTune.train.limit': 60 }],
      [
        '--selection-split test --selection-limit 30',
        { 'fine-tune.fineTune.selection.split': 'test', 'fine-tune.fineTune.selection.limit': 30 },
      ],
      ['--seed 7', { 'fine-tune.fineTune.spec.seed': 7 }],
    ]);
  });

  it('rift interpolate', async () => {
    const network = cli.fake.networks.get('net')?.network;
    assert.ok(network);
    const digest = 'b'.repeat(64);
    cli.fake.networks.set('other', { name: 'other', network: { ...network, digest }, createdAt: null });
    const command = 'interpolate --from net --to other --data pictures';
    const line = (await planOf(command)).stages[0]?.interpolate;
    assert.equal(cli.created().settings?.network, network.digest);
    assert.deepEqual([line?.from?.network, line?.to?.network], ['', digest], 'from the network of the run to the other one');
    const attack = 'interpolate.interpolate.spec.attack';
    await check(command, [
      ['--alphas 0,.5,1', { 'interpolate.interpolate.spec.alphas': [0, 0.5, 1], 'interpolate.interpolate.spec.refinements': 0 }],
      ['--refine 4', { 'interpolate.interpolate.spec.refinements': 4 }],
      ['--rule paper', { 'interpolate.interpolate.spec.rule': 'ALPHA_RULE_PAPER' }],
      ['--margin .02', { 'interpolate.interpolate.spec.margin': 0.02 }],
      ['--seed 7', { 'interpolate.interpolate.spec.seed': 7 }],
      [
        '--split test --offset 5 --limit 20',
        {
          'interpolate.interpolate.data.split': 'test',
          'interpolate.interpolate.data.offset': 5,
          'interpolate.interpolate.data.limit': 20,
        },
      ],
      [
        '--norm l2',
        { [`${attack}.threatModel.norm`]: 'NORM_L2', [`${attack}.threatModel.epsilon`]: 128 / 255, [`${attack}.stepSize`]: 15 / 255 },
      ],
      ['--eps 4/255', { [`${attack}.threatModel.epsilon`]: 4 / 255, [`${attack}.stepSize`]: 1 / 255 }],
      ['--step .01', { [`${attack}.stepSize`]: 0.01 }],
      ['--steps 20', { [`${attack}.steps`]: 20 }],
      ['--restarts 4', { [`${attack}.restarts`]: 4 }],
      [
        '--profile code --restarts 2',
        {
          'interpolate.interpolate.spec.rule': 'ALPHA_RULE_PAPER',
          'interpolate.interpolate.spec.margin': 0.001,
          'interpolate.interpolate.spec.refinements': 0,
          [`${attack}.stepSize`]: 2 / 225,
          [`${attack}.restarts`]: 2,
        },
      ],
    ]);
  });
});
