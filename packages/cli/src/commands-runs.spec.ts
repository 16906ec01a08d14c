import { NotFound } from '@rift/service-kit/client';
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { CliFixture } from './testing/fixture.js';
import { NETWORK_DIGEST, attackResult, documentOf, outcome, type CliResult } from './testing/run-cli.js';

describe('commands that make networks, and runs', () => {
  const cli = new CliFixture();

  it('a run that fails ends with the code of its failure and names the stage', async () => {
    cli.fake.finalState = 'RUN_STATE_FAILED';
    const fail = async (code: string): Promise<CliResult> => {
      cli.fake.resultsOf = () => {
        queueMicrotask(() => {
          for (const run of cli.fake.runs.values()) run.failure = { code, message: 'the weights hold NaN', field: '' };
        });
        return {};
      };
      return cli.run('attack', '--network', 'net', '--data', 'pictures', '--json');
    };
    for (const [code, exit] of [
      ['INVALID_ARGUMENT', 3],
      ['INTERNAL', 1],
      ['UNAVAILABLE', 5],
      ['NOT_FOUND', 4],
    ] as const) {
      const result = await fail(code);
      assert.equal(result.code, exit, code);
      const { error } = documentOf(result) as { error: Record<string, unknown> };
      assert.equal(error['code'], code);
      assert.match(String(error['message']), /failed in stage attack: the weights hold NaN/);
      assert.match(result.stderr, /rift resume/);
    }
  });

  it('finetune and train keep the network and print every epoch', async () => {
    const digest = cli.fake.store(Buffer.from('weights'));
    const epochs = [
      { epoch: 1, learningRate: 0.001, loss: 0.7, accuracy: 0.8, selectionStandard: 0.81, selectionAdversarial: -1, seconds: 4 },
    ];
    cli.fake.resultsOf = () => ({
      'fine-tune': { fineTune: { digest, epochs, chosenEpoch: 1, relativeChange: { 'layer2.1.conv2': 0.01 } } },
      train: { train: { digest, epochs, chosenEpoch: 1 } },
    });
    const tuned = cli.path('tuned.safetensors');
    const finetune = await cli.run(
      'finetune',
      '--network',
      'net',
      '--module',
      'layer2.1.conv2',
      '--data',
      'pictures',
      '--epochs',
      '2',
      '--lr',
      '0.01',
      '-o',
      tuned,
      '--json',
    );
    assert.equal(finetune.code, 0, finetune.stderr);
    assert.equal(await readFile(tuned, 'utf8'), 'weights');
    const spec = cli.plan().stages[0]?.fineTune?.spec;
    assert.deepEqual(
      [spec?.modules, spec?.epochs, spec?.optimizer?.learningRate, spec?.optimizer?.milestones],
      [['layer2.1.conv2'], 2, 0.01, [1]],
    );
    assert.deepEqual((documentOf(finetune)['epochs'] as { selectionAdversarial: unknown }[])[0]?.selectionAdversarial, null);
    const trained = cli.path('robust.safetensors');
    const train = await cli.run(
      'train',
      '--arch',
      'resnet18',
      '--width',
      '16',
      '--method',
      'trades',
      '--data',
      'pictures',
      '--epochs',
      '3',
      '-o',
      trained,
      '--json',
    );
    assert.equal(train.code, 0, train.stderr);
    assert.equal(documentOf(train)['network'], trained);
    const training = cli.plan().stages[0]?.train;
    assert.deepEqual([training?.spec?.method, training?.spec?.epochs, training?.selection?.split], ['TRAIN_METHOD_TRADES', 3, 'val']);
  });

  it('interpolate prints every alpha and the one chosen', async () => {
    const digest = cli.fake.store(Buffer.from('between'));
    const point = (alpha: number) => ({ alpha, standard: outcome(80, 100), adversarial: { outcome: outcome(50, 100) } });
    cli.fake.resultsOf = () => ({
      interpolate: { interpolate: { digest, points: [point(0), point(0.5), point(1)], chosenAlpha: 0.5, reason: 'Because.' } },
    });
    const result = await cli.run(
      'interpolate',
      '--from',
      'net',
      '--to',
      'net',
      '--data',
      'pictures',
      '--alphas',
      '0:1:0.5',
      '-o',
      cli.path('n.safetensors'),
      '--json',
    );
    assert.equal(result.code, 0, result.stderr);
    const document = documentOf(result);
    assert.equal(document['chosen'], 0.5);
    assert.equal((document['points'] as { standard: { accuracy: number } }[])[1]?.standard.accuracy, 0.8);
    assert.deepEqual(cli.plan().stages[0]?.interpolate?.spec?.alphas, [0, 0.5, 1]);
    assert.equal(cli.plan().stages[0]?.interpolate?.data?.split, 'val');
  });

  it('a cli.folder is registered once, with a tenth of its training images held out', async () => {
    await writeFile(cli.path('data_batch_1.bin'), Buffer.alloc(3073 * 50));
    await writeFile(cli.path('test_batch.bin'), Buffer.alloc(3073 * 10));
    const { dataset } = cli.fake.datasets.get('pictures') ?? {};
    let asked = 0;
    cli.fake.importDataset = ({ import: request }) => {
      asked += 1;
      assert.deepEqual([request?.format, request?.heldOut, request?.path], ['DATASET_FORMAT_CIFAR10', 5, cli.folder]);
      return { name: request?.name ?? '', dataset: dataset ?? null, createdAt: null };
    };
    cli.fake.resultsOf = () => ({ attack: attackResult(50) });
    for (let time = 0; time < 2; time += 1) assert.equal((await cli.run('attack', '--network', 'net', '--data', cli.folder)).code, 0);
    assert.equal(asked, 1);
  });

  it('import uploads the checkpoint, says what it is and writes the artifact', async () => {
    const file = cli.path('net.pth');
    await writeFile(file, 'checkpoint');
    const digest = cli.fake.store(Buffer.from('artifact'));
    const network = cli.fake.networks.get('net')?.network;
    assert.ok(network);
    cli.fake.importNetwork = ({ name, import: request }) => {
      assert.deepEqual([request?.arch, request?.width, request?.classes, request?.preprocess?.name], ['resnet18', 64, 100, 'cifar100']);
      assert.equal(cli.fake.artifacts.get(request?.fileDigest ?? '')?.toString(), 'checkpoint');
      return { name, network: { ...network, digest }, createdAt: null };
    };
    const out = cli.path('out.safetensors');
    const result = await cli.run(
      ...`import ${file} --arch resnet18 --width 64 --classes 100 --preprocess cifar100 -o ${out} --json`.split(' '),
    );
    assert.equal(result.code, 0, result.stderr);
    const document = documentOf(result);
    assert.deepEqual([document['network'], document['digest'], document['parameters']], [out, digest, 701_466]);
    assert.equal((document['modules'] as object[]).length, 2);
    assert.equal(await readFile(out, 'utf8'), 'artifact');
  });

  it('inspect, export and data list say what is registered', async () => {
    const inspected = documentOf(await cli.run('inspect', 'net', '--json'));
    assert.equal(inspected['arch'], 'resnet18');
    assert.deepEqual(inspected['metrics'], { standard: 0.8 });
    const out = cli.path('net.pth');
    assert.equal((await cli.run('export', 'net', '-o', out)).code, 0);
    assert.equal(await readFile(out, 'utf8'), `exported ${NETWORK_DIGEST}`);
    const { datasets } = documentOf(await cli.run('data', 'list', '--json')) as { datasets: Record<string, unknown>[] };
    assert.deepEqual(
      [datasets[0]?.['name'], datasets[0]?.['splits']],
      ['pictures', { train: 800, val: 100, test: 200, extra: 400, generated: 300 }],
    );
  });

  it('runs, watch, cancel and report work on a run by its identifier', async () => {
    const digests = { htmlDigest: cli.fake.store(Buffer.from('<html>')), jsonDigest: cli.fake.store(Buffer.from('{}')) };
    cli.fake.resultsOf = () => ({ attack: { report: { ...digests, verdict: 'fine' } } });
    assert.equal((await cli.run('attack', '--network', 'net', '--data', 'pictures')).code, 1, 'a report is no attack result');
    const { runs } = documentOf(await cli.run('runs', '--json')) as { runs: { runId: string; state: string }[] };
    assert.equal(runs[0]?.state, 'succeeded');
    const id = runs[0]?.runId ?? '';
    assert.equal(documentOf(await cli.run('watch', id, '--json'))['state'], 'succeeded');
    const out = cli.path('report.html');
    assert.equal((await cli.run('report', id, '-o', out)).code, 0);
    assert.equal(await readFile(out, 'utf8'), '<html>');
    assert.equal((await cli.run('watch', 'none')).code, new NotFound('run', 'none').kind.exitCode);
  });

  it('a cancelled run ends with 130', async () => {
    cli.fake.finalState = 'RUN_STATE_CANCELLED';
    const result = await cli.run('attack', '--network', 'net', '--data', 'pictures', '--json');
    assert.equal(result.code, 130);
    assert.equal((documentOf(result)['error'] as { code: string }).code, 'CANCELLED');
  });
});
