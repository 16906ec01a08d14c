import type { TrainSpec } from '@rift/contracts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { CliFixture } from './testing/fixture.js';
import { NETWORK_DIGEST } from './testing/run-cli.js';

describe('rift train', () => {
  const cli = new CliFixture();

  /** The training that a command asks for; that it then fails, since the fake has no results, is of no matter. */
  async function trainOf(flags: string) {
    await cli.run('train', '--data', 'pictures', ...flags.split(' '));
    return cli.plan().stages[0]?.train;
  }

  it('takes every choice of the training from an option of its own', async () => {
    const train = await trainOf(
      '--preset score-trades --arch resnet34 --width 8 --preprocess cifar100 --epochs 7 --batch-size 64 --lr .3 --momentum .8 --weight-decay .002 ' +
        '--nesterov --schedule one-cycle-cosine --milestones 3,5 --gamma .2 --pct-start .4 --padding 2 --padding-mode reflect --no-flip ' +
        '--norm l2 --eps .5 --step .1 --steps 3 --start-noise .002 --craft-mode untracked --clean-forwards both --beta 2 --label-smoothing .15 ' +
        '--awp-gamma .01 --awp-warmup 4 --score-clip .35 --score-clip-second-term --ema .9 --extra-fraction .25 --overfitting-guard .45 ' +
        '--patience 6 --seed 9 --limit 500 --selection-split test --selection-limit 40 --extra-split generated',
    );
    const expected: TrainSpec = {
      method: 'TRAIN_METHOD_SCORE_TRADES',
      architecture: { arch: 'resnet34', width: 8 },
      preprocess: 'cifar100',
      epochs: 7,
      batchSize: 64,
      optimizer: {
        ...{ learningRate: 0.3, momentum: 0.8, weightDecay: 0.002, nesterov: true, schedule: 'SCHEDULE_KIND_ONE_CYCLE_COSINE' },
        ...{ milestones: [3, 5], gamma: 0.2, pctStart: 0.4 },
      },
      augment: { padding: 2, paddingMode: 'PADDING_MODE_REFLECT', flip: false },
      attack: {
        ...{ kind: 'ATTACK_KIND_PGD', threatModel: { norm: 'NORM_L2', epsilon: 0.5 }, stepSize: 0.1, steps: 3, restarts: 1 },
        ...{ randomStart: true, targets: 0, toTheEnd: true },
      },
      // The attack that judges stays PGD-10 of the preset, in the threat model of the training.
      selectionAttack: {
        ...{ kind: 'ATTACK_KIND_PGD', threatModel: { norm: 'NORM_L2', epsilon: 0.5 }, stepSize: (0.5 * 15) / 128, steps: 10, restarts: 1 },
        ...{ randomStart: true, targets: 0, toTheEnd: false },
      },
      keepBest: true,
      ...{ beta: 2, labelSmoothing: 0.15, awpGamma: 0.01, awpWarmup: 4, scoreClip: 0.35, scoreClipsSecondTerm: true },
      ...{ emaDecay: 0.9, emaWarmup: 0, emaCopiesStatistics: false, extraFraction: 0.25, decaySparesBatchNorm: false },
      ...{ overfittingGuard: 0.45, patience: 6, seed: 9, startNoise: 0.002 },
      craftBatchNorm: 'CRAFT_BATCH_NORM_TRAIN_UNTRACKED',
      cleanForwards: 'CLEAN_FORWARDS_BEFORE_AND_AFTER_UPDATE',
    };
    assert.deepEqual(train?.spec, expected);
    assert.deepEqual(train.train, { split: 'train', offset: 0, limit: 500 });
    assert.deepEqual(train.selection, { split: 'test', offset: 0, limit: 40 });
    assert.deepEqual(train.extra, { split: 'generated', offset: 0, limit: 300 });
    assert.equal(train.initial, null);
    assert.equal(cli.created().settings?.network, '');
  });

  it('reads generated images only where a share of them is asked for, from the split "extra"', async () => {
    assert.equal((await trainOf('--preset rice'))?.extra, null);
    assert.deepEqual((await trainOf('--preset rice --extra-fraction .5'))?.extra, { split: 'extra', offset: 0, limit: 400 });
    assert.equal((await trainOf('--preset trades-generated --extra-fraction 0'))?.extra, null);
  });

  it('--no-nesterov takes the momentum of Nesterov away', async () => {
    assert.equal((await trainOf('--preset trades-generated'))?.spec?.optimizer?.nesterov, true);
    assert.equal((await trainOf('--preset trades-generated --no-nesterov'))?.spec?.optimizer?.nesterov, false);
  });

  it('goes on from the network of --initial, whose architecture and normalisation it keeps', async () => {
    const train = await trainOf('--initial net --preset rice');
    assert.equal(train?.initial?.network, NETWORK_DIGEST);
    assert.equal(cli.created().settings?.network, NETWORK_DIGEST);
    assert.deepEqual([train.spec?.architecture, train.spec?.preprocess], [{ arch: 'resnet18', width: 16 }, 'cifar10']);
  });
});
