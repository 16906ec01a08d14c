import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';

import { SAMPLE, Workplace } from './rift.js';

interface Attacked {
  readonly accuracy: number;
  readonly correct: number;
  readonly total: number;
  readonly standard: { readonly accuracy: number };
  readonly perSample: readonly number[];
  readonly maxPerturbation: number;
}
interface Criticality {
  readonly baseLoss: number;
  readonly modules: readonly { readonly name: string; readonly mrc: number }[];
}

describe('commands against running services', () => {
  let place: Workplace;

  before(async () => {
    place = await Workplace.create();
    await place.up('--trainers', '2');
    await place.json('data', 'add', 'sample', SAMPLE.data);
  });
  after(async () => place[Symbol.asyncDispose]());

  const images = ['--data', 'sample', '--limit', '32'];

  it('data list shows the splits that data add registered', async () => {
    const { datasets } = await place.json<{ datasets: { name: string; splits: Record<string, number>; classes: string[] }[] }>(
      'data',
      'list',
    );
    assert.equal(datasets[0]?.name, 'sample');
    assert.deepEqual(Object.keys(datasets[0].splits).sort(), ['test', 'train', 'val']);
    assert.equal(datasets[0].classes[0], 'airplane');
  });

  it('attack at radius 0 changes nothing, and at 64/255 leaves next to nothing', async () => {
    const at = (eps: string) =>
      place.json<Attacked>('attack', '--network', SAMPLE.network, ...images, '--eps', eps, '--restarts', '1', '--per-sample');
    const none = await at('0');
    assert.equal(none.accuracy, none.standard.accuracy);
    assert.equal(none.maxPerturbation, 0);
    assert.equal(
      none.perSample.reduce((sum, one) => sum + one, 0),
      none.correct,
    );
    const large = await at('64/255');
    assert.ok(large.accuracy <= 0.1, `${large.accuracy}`);
  });

  it('attack stays within its radius, and the crafted set gives criticality the same accuracy', async () => {
    const attacked = await place.json<Attacked & { saved: { npz: string; safetensors: string } }>(
      ...['attack', '--network', SAMPLE.network, ...images, '--restarts', '1', '--to-the-end', '--save', place.path('set')],
    );
    assert.ok(attacked.maxPerturbation <= 8 / 255 + 1e-6);
    for (const set of [attacked.saved.npz, attacked.saved.safetensors]) {
      const measured = await place.json<Criticality & { baseAccuracy: number }>(
        ...[
          'criticality',
          '--network',
          SAMPLE.network,
          '--adversarial',
          set,
          '--modules',
          'linear,layer2.1.conv2',
          '--profile',
          'sound',
          '--epochs',
          '2',
        ],
      );
      assert.equal(measured.baseAccuracy, attacked.accuracy);
      assert.deepEqual(measured.modules.map(({ name }) => name).sort(), ['layer2.1.conv2', 'linear']);
      assert.ok((measured.modules[0]?.mrc ?? 0) <= (measured.modules[1]?.mrc ?? 0));
    }
  });

  it('evaluate measures the whole suite', async () => {
    const { standard, adversarial, autoattack, ood, corruptions } = await place.json<{
      standard: { accuracy: number };
      adversarial: { accuracy: number };
      autoattack: { accuracy: number; stages: { attack: string; robust: number }[] };
      ood: { total: number };
      corruptions: Record<string, number[]>;
    }>(
      'evaluate',
      '--network',
      SAMPLE.network,
      '--data',
      'sample',
      '--limit',
      '8',
      '--suite',
      'standard,pgd,autoattack,ood',
      // Few images withstand this radius, and it is those on which AutoAttack's later stages take their time.
      '--eps',
      '16/255',
      '--corruptions',
      'fog,jpeg_compression',
    );
    assert.ok(autoattack.accuracy <= adversarial.accuracy && adversarial.accuracy <= standard.accuracy);
    assert.deepEqual(
      autoattack.stages.map(({ attack }) => attack),
      ['apgd-ce', 'apgd-t', 'fab-t', 'square'],
    );
    assert.deepEqual([corruptions['fog']?.length, corruptions['jpeg_compression']?.length, ood.total], [5, 5, 80]);
  });

  it('finetune and interpolate are the later steps alone, and alpha 0 is the network it came from', async () => {
    const tuned = await place.json<{ network: string; module: string; epochs: object[]; relativeChange: Record<string, number> }>(
      ...[
        'finetune',
        '--network',
        SAMPLE.network,
        '--module',
        'layer2.1.conv2',
        '--data',
        'sample',
        '--limit',
        '64',
        '--selection-limit',
        '32',
      ],
      ...['--epochs', '1', '-o', place.path('tuned.safetensors')],
    );
    assert.deepEqual([tuned.module, tuned.epochs.length], ['layer2.1.conv2', 1]);
    const walked = await place.json<{ points: { alpha: number; standard: { correct: number } }[]; chosen: number }>(
      ...[
        'interpolate',
        '--from',
        SAMPLE.network,
        '--to',
        tuned.network,
        '--data',
        'sample',
        '--limit',
        '32',
        '--split',
        'test',
        '--alphas',
        '0,1',
      ],
      ...['-o', place.path('chosen.safetensors')],
    );
    assert.deepEqual(
      walked.points.map(({ alpha }) => alpha),
      [0, 1],
    );
    const original = await place.json<{ standard: { correct: number } }>(
      'evaluate',
      '--network',
      SAMPLE.network,
      ...images,
      '--suite',
      'standard',
    );
    assert.equal(walked.points[0]?.standard.correct, original.standard.correct);
    assert.ok([0, 1].includes(walked.chosen));
  });

  it('train makes a network that the other commands take', async () => {
    const trained = await place.json<{ network: string; epochs: { loss: number }[] }>(
      ...[
        'train',
        '--arch',
        'resnet18',
        '--width',
        '4',
        '--method',
        'pgd',
        '--data',
        'sample',
        '--limit',
        '128',
        '--selection-limit',
        '32',
      ],
      ...['--epochs', '1', '--steps', '2', '-o', place.path('trained.safetensors')],
    );
    assert.ok(Number.isFinite(trained.epochs[0]?.loss));
    const { width } = await place.json<{ width: number }>('inspect', trained.network);
    assert.equal(width, 4);
  });

  it('export and import bring the same weights back', async () => {
    for (const file of ['net.pth', 'net.safetensors']) {
      await place.json('export', SAMPLE.network, '-o', place.path(file));
      // A .pth holds weights alone; the artifact says itself what it is.
      const said = file.endsWith('.pth') ? ['--arch', 'resnet18', '--width', '16', '--preprocess', 'cifar10'] : [];
      const back = await place.json<{ network: string; modules: object[]; digest: string }>(
        ...['import', place.path(file), ...said, '-o', place.path(`back-${file}.safetensors`)],
      );
      assert.equal(back.modules.length, 21);
      if (said.length === 0) {
        const described = ({ arch, width, preprocess, metrics, parents, notes, digest }: Record<string, unknown>) =>
          JSON.stringify({ arch, width, preprocess, metrics, parents, notes, digest });
        assert.equal(described(await place.json('inspect', back.network)), described(await place.json('inspect', SAMPLE.network)));
        const refused = await place.run('import', place.path(file), '--arch', 'resnet34', '--name', 'wrong');
        assert.equal(refused.code, 3);
        assert.match(refused.stderr, /--arch is resnet34: must be left out or be resnet18: the file is a network artifact/);
      }
      const at = (network: string) => place.json<Attacked>('attack', '--network', network, ...images, '--restarts', '1', '--per-sample');
      assert.deepEqual((await at(back.network)).perSample, (await at(SAMPLE.network)).perSample);
    }
  });

  it('a registered name stands for its file, and a gate that fails ends with 6', async () => {
    await place.json('import', place.path('net.pth'), '--arch', 'resnet18', '--width', '16', '--preprocess', 'cifar10', '--name', 'mine');
    const gate = ['evaluate', '--network', 'mine', ...images, '--suite', 'standard'];
    assert.equal((await place.run(...gate, '--min-standard', '0.2')).code, 0);
    const failed = await place.run(...gate, '--min-standard', '0.99', '--json');
    assert.equal(failed.code, 6);
    assert.equal((JSON.parse(failed.stdout) as { gate: { passed: boolean } }).gate.passed, false);
  });

  it('a detached run is found, watched and cancelled by its identifier', async () => {
    const { runId } = await place.json<{ runId: string }>('run', '--network', SAMPLE.network, '--data', 'sample', '--detach');
    const watching = place.start('watch', runId);
    await watching.said(/\d+ %/);
    assert.equal((await place.json<{ state: string }>('cancel', runId)).state, 'cancelled');
    assert.equal((await watching.ended()).code, 130);
    assert.equal((await place.run('cancel', runId)).code, 1, 'what has ended cannot be cancelled');
  });

  it('up refuses a folder that is in use, and Ctrl-C stops every process of it', async () => {
    const { endpoint } = place;
    place.endpoint = undefined;
    const second = await place.run('up');
    assert.equal(second.code, 1);
    assert.match(second.stderr, /another process runs the services/);
    place.endpoint = endpoint;
    const ended = await place.down();
    assert.equal(ended?.code, 0, ended?.stderr);
    await place.assertNothingRuns();
    assert.match(await readFile(place.path('home/logs/orchestrator.log'), 'utf8'), /draining/);
  });
});
