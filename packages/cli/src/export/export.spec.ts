import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { CliFixture } from '../testing/fixture.js';
import { ATTACK_AUDIT, documentOf, outcome } from '../testing/run-cli.js';
import { maskedCrc32c, tfRecord } from './tensorboard.js';

describe('TFRecord', () => {
  it('has the checksum of RFC 3720: CRC-32C of "123456789" is e3069283', () => {
    const crc = 0xe3069283;
    const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
    assert.equal(maskedCrc32c(Buffer.from('123456789')), masked);
  });

  it('frames bytes by length and two checksums', () => {
    const record = tfRecord(Buffer.from('abc'));
    assert.equal(record.length, 8 + 4 + 3 + 4);
    assert.equal(record.readBigUInt64LE(0), 3n);
    assert.equal(record.readUInt32LE(15), maskedCrc32c(Buffer.from('abc')));
  });
});

describe('rift export-run', () => {
  const cli = new CliFixture();

  const evaluated = async (kinds: readonly ('ATTACK_KIND_PGD' | 'ATTACK_KIND_AUTOATTACK_STANDARD')[]): Promise<string> => {
    cli.fake.resultsOf = () => ({
      evaluate: {
        evaluate: {
          standard: outcome(81, 100),
          attacks: kinds.map((kind) => ({
            attack: { kind, threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 }, steps: 10, restarts: 1 },
            outcome: outcome(47, 100),
            audit: ATTACK_AUDIT,
          })),
        },
      },
    });
    const suite = kinds.includes('ATTACK_KIND_AUTOATTACK_STANDARD') ? 'standard,autoattack' : 'standard,pgd';
    const result = await cli.run('evaluate', '--network', 'net', '--data', 'pictures', '--suite', suite, '--json');
    assert.equal(result.code, 0, result.stderr);
    return String(documentOf(result)['runId']);
  };

  it('writes TensorBoard events and an MLflow run, and replaces what an earlier export wrote', async () => {
    const id = await evaluated(['ATTACK_KIND_PGD']);
    for (let time = 0; time < 2; time += 1) {
      const result = await cli.run('export-run', id, '--tensorboard', cli.path('logs'), '--mlflow', cli.path('mlruns'), '--json');
      assert.equal(result.code, 0, result.stderr);
      const { tensorboard, mlflow } = documentOf(result) as { tensorboard: string; mlflow: string };
      const [events, ...others] = await readdir(tensorboard);
      assert.match(events ?? '', /^events\.out\.tfevents\.\d+\.rift\./);
      assert.deepEqual(others, []);
      const bytes = await readFile(join(tensorboard, events ?? ''), 'latin1');
      assert.ok(bytes.includes('brain.Event:2') && bytes.includes('evaluate/adversarial'));
      assert.match(await readFile(join(mlflow, 'metrics', 'evaluate', 'adversarial'), 'utf8'), /^\d+ 0\.47 0\n$/);
      assert.equal(await readFile(join(mlflow, 'params', 'dataset'), 'utf8'), 'pictures');
    }
    assert.equal((await readdir(cli.path('logs'))).length, 1);
  });

  it('writes a RobustBench record with the claims that were given', async () => {
    const id = await evaluated(['ATTACK_KIND_PGD', 'ATTACK_KIND_AUTOATTACK_STANDARD']);
    const path = cli.path('Me2026.json');
    const claims = ['--claim', 'dataset=cifar10', '--claim', 'authors=A. Author', '--claim', 'venue=here'];
    const result = await cli.run('export-run', id, '--robustbench', path, ...claims);
    assert.equal(result.code, 0, result.stderr);
    const record = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    assert.deepEqual(
      [record['dataset'], record['authors'], record['eps'], record['clean_acc'], record['autoattack_acc'], record['architecture']],
      ['cifar10', 'A. Author', '8/255', '81.00', '47.00', 'ResNet-18'],
    );
    assert.match(String(record['footnote']), /Measured on 100 images/);
  });

  it('refuses a RobustBench record without AutoAttack, and an unknown claim with the nearest', async () => {
    const id = await evaluated(['ATTACK_KIND_PGD']);
    const refused = await cli.run('export-run', id, '--robustbench', cli.path('x.json'));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /needs standard accuracy and AutoAttack/);
    const unknown = await cli.run('export-run', id, '--robustbench', cli.path('x.json'), '--claim', 'autors=x');
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /Did you mean authors\?/);
  });

  it('asks where the run should go', async () => {
    const result = await cli.run('export-run', 'any');
    assert.equal(result.code, 2);
    assert.match(result.stderr, /--tensorboard FOLDER/);
  });
});
