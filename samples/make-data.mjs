// Makes samples/cifar10 from the whole of CIFAR-10 in its binary layout.
// Usage: node samples/make-data.mjs CIFAR10_FOLDER   (after npm run setup)
//
// The network of this folder was trained with 2,000 training pictures held out (seed 0, stratified). The sample's val
// pictures are among those; its train pictures are not; its test pictures come from the test split.
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';

const HELD_OUT = 2000;
const PER_CLASS = { train: 400, val: 100, test: 100 };
const PER_FILE = 1000;
const RECORD = 3072;

/** Images and labels of a split artifact (safetensors: 8 bytes of header length, JSON header, data). */
function readSplit(path) {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + length).toString());
  const bytes = ({ data_offsets: [from, to] }) => file.subarray(8 + length + from, 8 + length + to);
  const raw = bytes(header.labels);
  const labels = Array.from({ length: raw.length / 8 }, (_, at) => Number(raw.readBigInt64LE(at * 8)));
  return { images: bytes(header.images), labels };
}

/** The first `count` pictures of every class, in their order, as records of the CIFAR-10 binary layout. */
function records({ images, labels }, count) {
  const taken = new Map();
  return labels.flatMap((label, at) => {
    const before = taken.get(label) ?? 0;
    if (before >= count) return [];
    taken.set(label, before + 1);
    return [Buffer.concat([Buffer.from([label]), images.subarray(at * RECORD, (at + 1) * RECORD)])];
  });
}

const [source] = process.argv.slice(2);
if (source === undefined) throw new Error('name the folder with data_batch_1.bin … test_batch.bin');
const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, 'cifar10');
const scratch = mkdtempSync(join(tmpdir(), 'rift-samples-'));
try {
  const addon = createRequire(import.meta.url)(join(here, '../native/rift-core/rift-core.node'));
  const request = { name: 'cifar10', path: source, format: 'DATASET_FORMAT_CIFAR10', heldOut: HELD_OUT, seed: 0, outputDir: scratch };
  const imported = JSON.parse(await addon.submit('importDataset', JSON.stringify(request), () => {}).wait());
  mkdirSync(target, { recursive: true });
  for (const [split, count] of Object.entries(PER_CLASS)) {
    const chosen = records(readSplit(imported.splits[split].path), count);
    const files = Math.ceil(chosen.length / PER_FILE);
    for (let file = 0; file < files; file++) {
      const name = split === 'train' ? `data_batch_${file + 1}.bin` : `${split}_batch.bin`;
      writeFileSync(join(target, name), Buffer.concat(chosen.slice(file * PER_FILE, (file + 1) * PER_FILE)));
    }
  }
  writeFileSync(join(target, 'batches.meta.txt'), `${imported.classes.join('\n')}\n`);
} finally {
  rmSync(scratch, { recursive: true });
}
