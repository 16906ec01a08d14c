import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { installClient, pythonEnvironment, runPythonTests } from '../support/python.js';
import { SAMPLE, Workplace } from './rift.js';

const environment = await pythonEnvironment();
const python = 'python' in environment ? environment.python : '';
const skip = 'missing' in environment ? environment.missing : false;
const skipTorch =
  'missing' in environment ? environment.missing : environment.torch ? false : 'no Python with PyTorch: name one in RIFT_TEST_PYTHON';

describe('the Python client, against real services', () => {
  let place: Workplace;
  let variables: Record<string, string> = {};
  before(async () => {
    if (skip !== false) return;
    place = await Workplace.create();
    await installClient(python, place.path('site'));
    const { endpoint, attackers } = await place.up('--threads', '2');
    variables = {
      RIFT_ENDPOINT: endpoint,
      RIFT_ATTACKER: attackers[0] ?? '',
      RIFT_SAMPLES: dirname(SAMPLE.network),
      RIFT_CHECKPOINT: place.path('net.pth'),
    };
  });
  after(async () => {
    if (skip === false) await place[Symbol.asyncDispose]();
  });

  const passes = async (names: readonly string[], least: number, more: Record<string, string> = {}): Promise<void> => {
    const said = await runPythonTests(python, place.path('site'), names, { ...variables, ...more });
    const ran = Number(/Ran (\d+) tests?/.exec(said)?.[1] ?? 0);
    assert.ok(ran >= least && /^OK$/m.test(said), said);
  };

  it('submits, watches and cancels runs, moves files, and attacks batches', { skip }, () => passes(['test_client'], 14));

  it('TensorBoard and MLflow read what export-run wrote', { skip }, async () => {
    const measured = await place.json<{ runId: string }>(
      ...['evaluate', '--network', SAMPLE.network, '--data', SAMPLE.data, '--suite', 'standard,pgd', '--limit', '16', '--steps', '2'],
    );
    const files = await place.json<{ tensorboard: string; mlflow: string }>(
      ...['export-run', measured.runId, '--tensorboard', place.path('logs'), '--mlflow', place.path('mlruns')],
    );
    await passes(['test_exports'], 2, { RIFT_TENSORBOARD: files.tensorboard, RIFT_MLFLOW: files.mlflow });
  });

  it('RobustBench reads the record that export-run wrote', { skip }, async () => {
    // A radius at which no picture withstands the first attack: the others would only take their time.
    const suite = ['--suite', 'standard,autoattack', '--limit', '4', '--eps', '48/255'];
    const { runId } = await place.json<{ runId: string }>('evaluate', '--network', SAMPLE.network, '--data', SAMPLE.data, ...suite);
    const claims = ['dataset=cifar10', 'name=Ours', 'authors=Me, You', 'venue=ICCV 2023'].flatMap((claim) => ['--claim', claim]);
    const { robustbench } = await place.json<{ robustbench: string }>(
      ...['export-run', runId, '--robustbench', place.path('Me2026.json'), ...claims],
    );
    await passes(['test_robustbench'], 3, { RIFT_ROBUSTBENCH: robustbench });
  });

  it('exported checkpoints load in PyTorch in one line, and classify', { skip: skipTorch }, async () => {
    await place.json('export', SAMPLE.network, '-o', place.path('net.pth'));
    await passes(['test_torch.TorchTest'], 5);
  });
});
