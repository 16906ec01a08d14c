// Broken files of every kind that comes from outside: whatever is in them, a reader answers with a typed error or reads them; it neither
// crashes nor hangs nor grows. RIFT_FUZZ_SECONDS is the time for each kind of file, 3 by default.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { mutate, generatorOf, type Random } from '../support/mutate.js';
import { writeNpySet } from '../support/npy.js';
import { ReaderProcess, type ReaderJob } from '../support/readers.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const GOLDEN = join(ROOT, 'test/golden');
const SAMPLE = join(ROOT, 'samples/resnet18-w16.safetensors');
const SECONDS = Number(process.env['RIFT_FUZZ_SECONDS'] ?? '3');
const SEED = Number(process.env['RIFT_FUZZ_SEED'] ?? '1');
const LIMIT_MS = 20_000;
/** Above what the process needs by itself. */
const GROWTH = 600 * 2 ** 20;
/** A caller's mistake, or too much for this machine: never a defect of the service. */
const ANSWERS = new Set(['read', 'INVALID_ARGUMENT', 'NOT_FOUND', 'FAILED_PRECONDITION', 'RESOURCE_EXHAUSTED', 'ALREADY_EXISTS']);

interface Kind {
  readonly name: string;
  /** Files to break, the first of them good. @param good folder of files that were made for this */
  readonly seeds: (good: string) => readonly string[];
  /** Asks for the reading of a broken file. @param path where it is; @param out a folder for what comes of it */
  readonly job: (path: string, out: string, good: string) => ReaderJob;
  /** Whether the reader takes only what no file here is: then nothing has to be read. */
  readonly isStrict?: boolean;
}

const filesIn = (folder: string, ends: RegExp): string[] =>
  readdirSync(join(GOLDEN, folder))
    .filter((name) => ends.test(name))
    .map((name) => join(GOLDEN, folder, name))
    .filter((path) => statSync(path).size < 4 << 20);

const importNetwork = (path: string, out: string): ReaderJob => ({
  kind: 'importNetwork',
  request: {
    path,
    fileName: 'broken.pth',
    arch: 'resnet18',
    width: 16,
    classes: 10,
    inputSize: 32,
    preprocess: { name: 'none', mean: [0, 0, 0], standardDeviation: [1, 1, 1] },
    classNames: [],
    output: join(out, 'network.safetensors'),
  },
});
const importDataset = (format: string, path: string, out: string): ReaderJob => ({
  kind: 'importDataset',
  request: { name: 'broken', path, format, heldOut: 0, seed: 1, outputDir: join(out, 'splits') },
});

/** A folder that holds the broken file under a name that the importer looks for. */
function folderWith(path: string, out: string, names: readonly string[]): string {
  const folder = join(out, 'input');
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    cpSync(path, join(folder, name));
  }
  return folder;
}

const KINDS: readonly Kind[] = [
  {
    name: 'PyTorch checkpoints',
    seeds: (good) => [join(good, 'network.pth'), ...filesIn('checkpoints/valid', /\.pth$/), ...filesIn('checkpoints/hostile', /\.pth$/)],
    job: importNetwork,
  },
  {
    name: 'safetensors',
    seeds: () => [SAMPLE, ...filesIn('networks', /\.safetensors$/), ...filesIn('criticality', /\.safetensors$/)],
    job: (path) => ({ kind: 'inspectNetwork', request: { path } }),
  },
  ...['images', 'labels'].map((part): Kind => ({
    name: `npy ${part}`,
    seeds: (good) => [join(good, `test_${part}.npy`), ...filesIn('datasets', /\.npy$/)],
    job: (path, out, good) => {
      const folder = folderWith(path, out, [`test_${part}.npy`]);
      for (const name of ['train_images.npy', 'train_labels.npy', part === 'images' ? 'test_labels.npy' : 'test_images.npy']) {
        cpSync(join(good, name), join(folder, name));
      }
      return importDataset('DATASET_FORMAT_NPY', folder, out);
    },
  })),
  {
    name: 'npz archives',
    seeds: () => [join(GOLDEN, 'datasets/adversarial.npz'), ...filesIn('datasets', /\.npz$/)],
    job: (path, out) => ({ kind: 'importAdversarialSet', request: { path, fileName: 'broken.npz', output: join(out, 'set.safetensors') } }),
  },
  {
    name: 'CIFAR-10 binaries',
    seeds: () => [join(ROOT, 'samples/cifar10/val_batch.bin')],
    job: (path, out) => importDataset('DATASET_FORMAT_CIFAR10', folderWith(path, out, ['test_batch.bin', 'data_batch_1.bin']), out),
  },
  {
    name: 'pickled CIFAR batches',
    seeds: () => ['cifar_protocol2', 'cifar_protocol4'].map((name) => join(GOLDEN, 'datasets', name)),
    job: (path, out) => importDataset('DATASET_FORMAT_CIFAR10', folderWith(path, out, ['test_batch', 'data_batch_1']), out),
    isStrict: true,
  },
  ...['png', 'jpeg', 'bmp', 'webp'].map((type): Kind => ({
    name: `${type} pictures`,
    seeds: () => [join(GOLDEN, 'datasets', `picture.${type}`)],
    job: (path, out) =>
      importDataset(
        'DATASET_FORMAT_FOLDER',
        folderWith(
          path,
          out,
          ['train', 'test'].flatMap((split) => ['a', 'b'].map((label) => `${split}/${label}/1.${type}`)),
        ),
        out,
      ),
  })),
];

describe('readers of foreign files', { concurrency: 1 }, () => {
  let folder: string;
  let good: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rift-fuzz-'));
    good = join(folder, 'good');
    mkdirSync(good);
    await writeNpySet(good, { train: 8, test: 4 });
    await using reader = new ReaderProcess(60_000);
    const request = { path: SAMPLE, format: 'EXPORT_FORMAT_PTH', output: join(good, 'network.pth') };
    const { end, detail } = await reader.read({ kind: 'exportNetwork', request });
    assert.equal(end, 'read', detail);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const kind of KINDS) {
    it(`answer broken ${kind.name} with a typed error, in time and in bounded memory`, async (t) => {
      await using reader = new ReaderProcess(LIMIT_MS);
      const random: Random = generatorOf(`${SEED} ${kind.name}`);
      const seeds = kind.seeds(good).map((path) => readFileSync(path));
      assert.ok(seeds.length > 0);
      const ends = new Map<string, number>();
      let tried = 0;
      let base = 0;
      let most = 0;
      for (const until = Date.now() + SECONDS * 1000; Date.now() < until || tried < 20; tried += 1) {
        const out = join(folder, 'case');
        rmSync(out, { recursive: true, force: true });
        mkdirSync(join(out, 'splits'), { recursive: true });
        const path = join(out, 'broken');
        // The good files come first: a reader that refuses everything would prove nothing.
        const seed = seeds[tried % seeds.length] ?? Buffer.alloc(0);
        writeFileSync(path, tried < seeds.length ? seed : mutate(seed, random));
        const { end, detail, rss } = await reader.read(kind.job(path, out, good));
        if (!ANSWERS.has(end)) {
          const kept = join(tmpdir(), `rift-fuzz-${end.toLowerCase()}-${Date.now()}`);
          cpSync(path, kept);
          assert.fail(`${end} at case ${tried} of seed ${SEED}, kept as ${kept}: ${detail}`);
        }
        ends.set(end, (ends.get(end) ?? 0) + 1);
        if (tried === 5) base = rss;
        most = Math.max(most, rss);
      }
      t.diagnostic(
        `${tried} files: ${[...ends].map(([end, count]) => `${count} ${end}`).join(', ')}; memory at most ${Math.round((most - base) / 2 ** 20)} MiB above the start`,
      );
      assert.ok(most - base < GROWTH, `memory grew by ${most - base} bytes over ${tried} files`);
      assert.ok((ends.get('INVALID_ARGUMENT') ?? 0) > 0, 'nothing was refused');
      if (kind.isStrict !== true)
        assert.ok((ends.get('read') ?? 0) > 0, 'no file was read, not even a good one: the readers were never reached');
    });
  }
});
