// Perturb over gRPC against the same batches given to the addon directly: node bench/perturb.mjs [ROUNDS]. Writes both sides'
// seconds as JSON. The sample network, PGD-10 at 8/255 to the end, one thread, batches of 64; sides alternate.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';

const root = new URL('..', import.meta.url);
const load = (path) => import(new URL(path, root).href);
const { createCore } = await load('native/rift-core/dist/index.js');
const { readConfig, startAttacker } = await load('services/attacker/dist/index.js');
const { FolderStore } = await load('packages/artifacts/dist/index.js');
const { AttackerServiceConstructor } = await load('packages/contracts/dist/index.js');
const { createLogger } = await load('packages/service-kit/dist/index.js');
const { credentials } = await import('@grpc/grpc-js');

const ROUNDS = Number(process.argv[2] ?? 5);
const [BATCH, BATCHES] = [64, 6];
const network = new URL('samples/resnet18-w16.safetensors', root);
const spec = {
  kind: 'ATTACK_KIND_PGD',
  threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 },
  stepSize: 2 / 255,
  steps: 10,
  restarts: 1,
  randomStart: true,
  targets: 1,
  toTheEnd: true,
};
const compute = { device: 'cpu', precision: 'PRECISION_AUTO', batchSize: 0, threads: 1, plain: false, memoryMib: 0 };

const records = await readFile(new URL('samples/cifar10/test_batch.bin', root));
const batches = Array.from({ length: BATCHES }, (_, number) => {
  const [pixels, labels] = [new Float32Array(BATCH * 3072), new BigInt64Array(BATCH)];
  for (let image = 0; image < BATCH; image += 1) {
    const at = (number * BATCH + image) * 3073;
    labels[image] = BigInt(records[at]);
    for (let pixel = 0; pixel < 3072; pixel += 1) pixels[image * 3072 + pixel] = records[at + 1 + pixel] / 255;
  }
  return { pixels: Buffer.from(pixels.buffer), labels: Buffer.from(labels.buffer), firstIndex: number * BATCH };
});

const folder = await mkdtemp(join(tmpdir(), 'rift-bench-'));
const artifacts = await FolderStore.open(join(folder, 'artifacts'));
const file = join(folder, 'network');
await writeFile(file, await readFile(network));
const { digest } = await artifacts.adoptFile(file);
const core = createCore();
const config = readConfig({
  RIFT_ARTIFACTS: pathToFileURL(join(folder, 'artifacts')).href,
  RIFT_WORK_DIR: join(folder, 'work'),
  RIFT_ATTACKER_ADDRESS: '127.0.0.1:0',
  RIFT_LOG_LEVEL: 'silent',
});
const logger = createLogger({ name: 'bench', level: 'silent' });
const service = await startAttacker(config, { artifacts, core, logger });
const client = new AttackerServiceConstructor(`127.0.0.1:${service.grpcPort}`, credentials.createInsecure());

const shape = [BATCH, 3, 32, 32];
const secondsSince = (since) => (performance.now() - since) / 1000;

async function direct() {
  const session = await core.openPerturb({ network: { path: await artifacts.open(digest), blend: null }, spec, seed: 1, compute });
  await session.perturb(batches[0].pixels, batches[0].labels, shape, 0);
  const since = performance.now();
  for (const { pixels, labels, firstIndex } of batches) await session.perturb(pixels, labels, shape, firstIndex);
  const measured = secondsSince(since);
  session.close();
  return measured;
}

async function overGrpc() {
  const stream = client.perturb();
  const message = ({ pixels, labels, firstIndex }) => ({
    batch: {
      images: { dataType: 'DATA_TYPE_FLOAT32', shape, data: pixels },
      labels: { dataType: 'DATA_TYPE_INT64', shape: [BATCH], data: labels },
      firstIndex,
    },
  });
  stream.write({ settings: { network: { digest }, attack: spec, seed: 1, compute } });
  const answered = async (batch) => {
    stream.write(message(batch));
    await once(stream, 'data');
  };
  await answered(batches[0]);
  const since = performance.now();
  for (const batch of batches) await answered(batch);
  const measured = secondsSince(since);
  stream.end();
  await once(stream, 'end');
  return measured;
}

const measurements = { gRPC: [], addon: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, side] of [
    ['addon', direct],
    ['gRPC', overGrpc],
  ]) {
    measurements[name].push({ seconds: await side(), images: BATCH * BATCHES });
  }
}
const sides = Object.entries(measurements).map(([name, rounds]) => ({ name, side: 'ours', measurements: rounds }));
process.stdout.write(JSON.stringify({ sides }));
client.close();
await service.close();
await rm(folder, { recursive: true, force: true });
