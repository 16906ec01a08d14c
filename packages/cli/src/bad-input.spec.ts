import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { documentOf, rift } from './testing/run-cli.js';

/** A safetensors file with only a header. */
function safetensors(manifest: object | undefined): Buffer {
  const header = Buffer.from(JSON.stringify({ __metadata__: manifest === undefined ? {} : { 'rift.manifest': JSON.stringify(manifest) } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header]);
}

describe('bad input is refused before anything starts', () => {
  let folder: string;
  const at = (name: string): string => join(folder, name);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rift-bad-'));
    await writeFile(at('plain.pth'), 'not really a checkpoint');
    await writeFile(at('net.safetensors'), safetensors({ kind: 'network' }));
    await writeFile(at('set.safetensors'), safetensors({ kind: 'adversarial-set' }));
    await writeFile(at('bare.safetensors'), safetensors(undefined));
    await writeFile(at('broken.json'), '{');
    await writeFile(at('typo.json'), '{"settings":{"netwrk":"x"}}');
    await mkdir(at('empty'));
    await mkdir(at('cifar'));
    await writeFile(at('cifar/test_batch.bin'), Buffer.alloc(3073));
  });
  after(async () => rm(folder, { recursive: true }));

  // Arguments (NET and DATA stand for good ones), exit code, what the message must say.
  const rows: readonly (readonly [args: string, code: number, message: RegExp])[] = [
    ['', 2, /a command is missing/],
    ['atack', 2, /Unknown command 'atack'.*attack/],
    ['attack --network NET --data DATA --epss 8/255', 2, /Unknown option '--epss'.*--eps/],
    ['attack --data DATA', 2, /--network.* not specified/],
    ['attack --network NET', 2, /--data.* not specified/],
    ['attack --network NET --data DATA --eps 8', 2, /Did you mean 8\/255/],
    ['attack --network NET --data DATA --eps eight', 2, /--eps "eight" is not a number/],
    ['attack --network NET --data DATA --eps -1/255', 2, /--eps -1\/255 is out of range/],
    ['attack --network NET --data DATA --steps 0', 2, /--steps 0 is out of range/],
    ['attack --network NET --data DATA --attack pdg', 2, /Did you mean pgd/],
    ['attack --network NET --data DATA --attack autoattack --steps 5', 2, /--steps cannot be used here/],
    ['attack --network NET --data DATA --norm l3', 2, /--norm "l3" is not known/],
    ['attack --network NET --data DATA --limit 0', 2, /--limit 0 is out of range/],
    ['attack --network NET --data DATA extra', 2, /Too many arguments/],
    ['attack --network NET --data DATA --min-robust 45', 2, /Did you mean 0\.45/],
    ['attack --network NET --data DATA --device gpu', 2, /--device "gpu"/],
    ['attack --network NET --data DATA --threads none', 2, /--threads "none" is not a whole number/],
    ['attack --network NET --data DATA --precision fp16', 2, /--precision "fp16".*fp32|Choose one of/],
    ['attack --network NET --data DATA --seed -1', 2, /--seed -1 is out of range/],
    ['attack --network NET --data DATA --endpoint nowhere', 2, /--endpoint "nowhere" must be HOST:PORT/],
    ['attack --network DIR/none.safetensors --data DATA', 4, /none\.safetensors does not exist/],
    ['attack --network DIR/plain.pth --data DATA', 3, /add --arch and --preprocess/],
    ['attack --network DIR/plain.pth --arch resnet18 --data DATA', 3, /add --preprocess/],
    ['attack --network DIR/plain.pth --arch resnet --preprocess none --data DATA', 2, /--arch "resnet"/],
    ['attack --network DIR/bare.safetensors --data DATA', 3, /no network artifact/],
    ['attack --network DIR/set.safetensors --data DATA', 3, /of the kind adversarial-set/],
    ['attack --network DIR/empty --data DATA', 3, /this is a folder/],
    ['attack --network NET --data DIR/none', 4, /none does not exist/],
    ['attack --network NET --data DIR/empty', 3, /no known layout/],
    ['attack --network NET --data DIR/plain.pth', 3, /this is a file/],
    ['attack --network NET --data DATA --format cifar', 2, /--format "cifar" is not known\. Did you mean cifar-c|cifar10/],
    ['evaluate --network NET --data DATA --suite standard,ood2', 2, /--suite "ood2"/],
    ['evaluate --network NET --data DATA --suite standard --min-robust 0.4', 2, /--min-robust needs an attack/],
    ['evaluate --network NET --data DATA --suite pgd --min-standard 0.4', 2, /--min-standard needs/],
    ['evaluate --network NET --data DATA --suite ood --corruptions fgo', 2, /Did you mean fog/],
    ['evaluate --network NET --data DATA --suite ood --corruptions none', 2, /needs corruptions/],
    ['evaluate --network NET --data DATA --severities 6', 2, /--severities 6 is out of range/],
    ['criticality --network NET', 2, /--data, or --adversarial/],
    ['criticality --network NET --data DATA --profile quick', 2, /--profile "quick"/],
    ['criticality --network NET --data DATA --starts 101', 2, /--starts 101 is out of range: .* at most 100/],
    ['criticality --network NET --adversarial DIR/none.npz', 4, /none\.npz does not exist/],
    ['criticality --network NET --adversarial DIR/set.safetensors --split test', 2, /--split and --limit/],
    ['mrc --network NET --data DATA --modules a,,b', 2, /empty entry/],
    ['finetune --network NET --data DATA', 2, /--module NAME/],
    ['finetune --network NET --data DATA --scope all --module conv1', 2, /exclude each other/],
    ['finetune --network NET --data DATA --module conv1 --lr 0', 2, /--lr 0 is out of range/],
    ['train --data DATA --ema 1', 2, /--ema 1 is out of range: .* at most 0\.999999/],
    ['interpolate --from NET --data DATA', 2, /--to.* not specified/],
    ['interpolate --from NET --to NET --data DATA --alphas 0:2:1', 2, /--alphas 2 is out of range/],
    ['interpolate --from NET --to NET --data DATA --targets 3', 2, /--targets cannot be used here/],
    ['interpolate --from NET --to DIR/none.safetensors --data DATA', 4, /check the path given to --to/],
    ['train --data DATA', 2, /either --arch NAME/],
    ['train --data DATA --arch resnet19', 2, /Did you mean resnet18/],
    ['train --data DATA --arch resnet18 --method trade', 2, /Did you mean trades/],
    ['train --data DATA --arch torchscript', 2, /--initial/],
    ['train --data DATA --arch resnet18 --initial NET', 2, /either --arch NAME/],
    ['run --data DATA', 2, /Say which network/],
    ['run --network NET', 2, /Say which images/],
    ['run --network NET --data DATA --detach', 2, /--detach needs --endpoint/],
    ['run --spec DIR/none.json', 4, /none\.json does not exist/],
    ['run --spec DIR/broken.json', 3, /is no JSON/],
    ['run --spec DIR/typo.json', 3, /settings\.netwrk is no field\. Did you mean network\?/],
    ['import DIR/plain.pth -o DIR/out.safetensors', 2, /--arch resnet18/],
    ['import DIR/plain.pth --arch resnet18 -o DIR/out.safetensors', 2, /normalises its input/],
    ['import DIR/plain.pth --arch resnet18 --preprocess none', 2, /-o FILE, --name NAME/],
    ['import DIR/plain.pth --arch resnet18 --preprocess none -o DIR/out.pth', 2, /must end in \.safetensors/],
    ['import DIR/none.pth --arch resnet18 --preprocess none -o DIR/out.safetensors', 4, /none\.pth does not exist/],
    ['import', 2, /Missing required argument/],
    ['inspect DIR/plain.pth', 3, /no network artifact/],
    ['inspect DIR/none.pth', 4, /does not exist/],
    ['export DIR/net.safetensors -o DIR/out.onnx', 2, /must end in \.pth/],
    ['export DIR/net.safetensors', 2, /--output.* not specified/],
    ['data add "two words" DATA', 2, /must begin with a letter/],
    ['data add pictures DIR/none', 4, /does not exist/],
    ['data add pictures DIR/plain.pth', 2, /is a file/],
    ['data add pictures DIR/empty', 3, /no known layout/],
    ['data ad', 2, /Unknown command 'ad'/],
    ['report some-run -o DIR/report.pdf', 2, /must end in \.html or \.json/],
    ['runs --state done', 2, /--state "done"/],
    ['watch', 2, /Missing required argument/],
    ['up --trainers 0', 2, /--trainers 0 is out of range/],
    ['up --endpoint 127.0.0.1:1', 2, /has no use/],
  ];

  const argumentsOf = (text: string): string[] =>
    (text.match(/"[^"]*"|\S+/g) ?? []).map((word) =>
      word
        .replace(/^"|"$/g, '')
        .replace(/^DIR/, folder)
        .replace(/^NET$/, at('net.safetensors'))
        .replace(/^DATA$/, at('cifar')),
    );

  for (const [args, code, message] of rows) {
    it(`rift ${args} → ${code}`, async () => {
      const result = await rift(argumentsOf(args));
      assert.match(result.stderr, message);
      assert.equal(result.code, code);
      assert.equal(result.stdout, '', 'nothing but a result goes to standard output');
      assert.equal(result.stderr.match(/^error:/gm)?.length, 1, 'one error, said once');
    });
  }

  it('with --json the error is the one document, and says the same', async () => {
    const result = await rift(['attack', '--json', '--network', at('none.pth'), '--data', at('cifar')]);
    const { error } = documentOf(result) as { error: Record<string, unknown> };
    assert.equal(error['code'], 'NOT_FOUND');
    assert.equal(error['exitCode'], 4);
    assert.match(String(error['message']), /none\.pth does not exist/);
    assert.equal(result.code, 4);
    const usage = documentOf(await rift(['attack', '--json', '--bogus']));
    assert.deepEqual(Object.keys(usage), ['error']);
  });

  it('an endpoint where nobody answers is unavailable', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    assert.ok(address !== null && typeof address !== 'string');
    const result = await rift(['runs', '--endpoint', `127.0.0.1:${address.port}`]);
    assert.equal(result.code, 5);
    assert.match(result.stderr, /unavailable/);
  });

  it('help and version are no errors', async () => {
    assert.equal((await rift(['--version'])).code, 0);
    const help = await rift(['attack', '--help']);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /Example:\n {2}\$ rift attack/);
  });
});
