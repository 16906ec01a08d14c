import assert from 'node:assert/strict';
import { cp, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';

import { SAMPLE, Workplace } from './rift.js';

/** A safetensors file. */
function safetensors(header: object, bytes = Buffer.alloc(0)): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, bytes]);
}

/** What a pickle that runs a command when it is opened looks like; only its bytes are ever read. */
const PICKLE_THAT_EXECUTES = Buffer.from("cos\nsystem\n(S'touch /tmp/rift-was-here'\ntR.", 'latin1');

describe('input that only the services can judge', () => {
  let place: Workplace;

  before(async () => {
    place = await Workplace.create();
    await place.up();
    await place.json('data', 'add', 'sample', SAMPLE.data);
    await writeFile(place.path('garbage.pth'), Buffer.alloc(1000, 7));
    await writeFile(place.path('evil.pth'), PICKLE_THAT_EXECUTES);
    await writeFile(place.path('page.pth'), '<!DOCTYPE html><html>Too many requests</html>');
    await writeFile(
      place.path('strange.safetensors'),
      safetensors({ foo: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, Buffer.alloc(4)),
    );
    await writeFile(
      place.path('lies.safetensors'),
      safetensors({ foo: { dtype: 'F32', shape: [9], data_offsets: [0, 4] } }, Buffer.alloc(4)),
    );
    await writeFile(place.path('garbage.npz'), 'not a zip archive');
    await cp(SAMPLE.network, place.path('nan.safetensors'));
    const handle = await open(place.path('nan.safetensors'), 'r+');
    const head = Buffer.alloc(8);
    await handle.read(head, 0, 8, 0);
    // Every weight begins after the header; a few NaN in the middle of them.
    await handle.write(Buffer.alloc(64, 0xff), 0, 64, 8 + Number(head.readBigUInt64LE()) + 1_000_000);
    await handle.close();
    await writeFile(place.path('cut.safetensors'), (await readFile(SAMPLE.network)).subarray(0, 500_000));
    await mkdir(place.path('short'));
    await writeFile(place.path('short/data_batch_1.bin'), Buffer.alloc(5000));
    await writeFile(place.path('short/test_batch.bin'), Buffer.alloc(5000));
  });
  after(async () => place[Symbol.asyncDispose]());

  const attack = (network: string): string => `attack --network ${network} --data sample --limit 8 --restarts 1`;
  const importing = (file: string): string => `import DIR/${file} --arch resnet18 --width 16 --preprocess none -o DIR/out.safetensors`;
  // Command (DIR stands for the folder, NET for the sample network), exit code, what the message must say.
  const rows: readonly (readonly [string, number, RegExp])[] = [
    [importing('garbage.pth'), 3, /garbage\.pth/],
    [importing('evil.pth'), 3, /evil\.pth/],
    [importing('page.pth'), 3, /page\.pth/],
    [importing('strange.safetensors'), 3, /foo|conv1/],
    [importing('lies.safetensors'), 3, /lies\.safetensors|foo/],
    ['import DIR/net.pth --arch resnet18 --width 64 --preprocess none -o DIR/out.safetensors', 3, /conv1|shape|width/],
    ['import DIR/net.pth --arch resnet34 --width 16 --preprocess none -o DIR/out.safetensors', 3, /layer|missing/i],
    ['import DIR/net.pth --arch resnet18 --width 16 --classes 100 --preprocess none -o DIR/out.safetensors', 3, /linear|classes/],
    [attack('DIR/nan.safetensors'), 3, /NaN|finite/i],
    [attack('DIR/cut.safetensors'), 3, /cut\.safetensors|bytes|truncated|shorter/i],
    [attack('missing-name'), 4, /neither a file here nor a registered name/],
    [attack('f'.repeat(64)), 4, /does not exist/],
    ['attack --network NET --data nothing', 4, /neither a folder here nor a registered name/],
    ['attack --network NET --data sample --split tset', 3, /Did you mean test/],
    ['attack --network NET --data sample --limit 999999', 3, /must be at most/],
    ['attack --network NET --data DIR/short', 3, /3073|data_batch_1|whole/],
    ['attack --network NET --data sample --limit 8 --device cuda:99', 1, /cuda/i],
    ['criticality --network NET --adversarial DIR/garbage.npz', 3, /garbage\.npz|archive|zip/i],
    ['criticality --network NET --data sample --modules layer2.1.conv9', 4, /did you mean layer2\.1\.conv[12]/],
    ['finetune --network NET --data sample --module conv', 4, /module conv does not exist|did you mean conv1/],
    ['train --arch resnet18 --width 4 --data sample --limit 64 --selection-split nope', 3, /--selection-split is nope/],
    ['watch no-such-run', 4, /no-such-run/],
    ['cancel no-such-run', 4, /no-such-run/],
    ['resume no-such-run', 4, /no-such-run/],
    ['report no-such-run', 4, /no-such-run/],
    ['data add sample DIR/short --format cifar100', 3, /train\.bin|cifar/i],
  ];

  before(async () => {
    await place.json('export', SAMPLE.network, '-o', place.path('net.pth'));
  });

  for (const [text, code, message] of rows) {
    it(`rift ${text} → ${code}`, async () => {
      const argv = text.split(' ').map((word) => word.replace(/^DIR/, place.folder).replace(/^NET$/, SAMPLE.network));
      const result = await place.run(...argv, '--json');
      assert.match(result.stderr, message);
      assert.equal(result.code, code, result.stderr);
      const { error } = JSON.parse(result.stdout) as { error: { message: string; exitCode: number } };
      assert.equal(error.exitCode, code);
      assert.doesNotMatch(error.message, /\bat .*\.js:\d+/, 'no stack trace');
    });
  }

  it('nothing in a checkpoint was executed', async () => {
    await assert.rejects(readFile('/tmp/rift-was-here'), { code: 'ENOENT' });
  });

  it('the services live on after all that', async () => {
    const { checks } = await place.json<{ checks: { ok: boolean }[] }>('doctor');
    assert.ok(checks.every(({ ok }) => ok));
  });
});
