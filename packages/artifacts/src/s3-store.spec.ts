import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { FailedPrecondition, Unavailable } from '@rift/service-kit/client';
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import S3rver from 's3rver';
import { openArtifactStore } from './open-store.js';
import { type ArtifactStore, objectPath } from './store.js';
import { digestOf, scratchFolder, storeRules } from './testing/store-rules.js';

const BUCKET = 'artifacts';
let endpoint = '';
let server: S3rver | undefined;
let client: S3Client;
let directory = '';

/** A store under a prefix of its own, with an empty cache. */
async function open(
  t: TestContext,
  prefix: string = randomUUID(),
  cacheFolder = scratchFolder(t),
  cacheBytes = 1e9,
): Promise<ArtifactStore> {
  const store = await openArtifactStore(`s3://${BUCKET}/${prefix}?endpoint=${endpoint}`, { cacheFolder, cacheBytes });
  t.after(() => store.close());
  places.set(store, { prefix, cacheFolder });
  return store;
}

/** Where the stores of this file keep their things. */
const places = new WeakMap<ArtifactStore, { prefix: string; cacheFolder: string }>();

describe('the S3 store', () => {
  before(async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'S3RVER';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'S3RVER';
    directory = mkdtempSync(join(tmpdir(), 's3-'));
    server = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory });
    const { port } = await server.run();
    endpoint = `http://127.0.0.1:${port}`;
    client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  });
  after(async () => {
    client.destroy();
    await server?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  storeRules(open, async (store, digest, bytes) => {
    const { prefix, cacheFolder } = places.get(store) ?? assert.fail('a store that this file did not open');
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${prefix}/${objectPath(digest)}`, Body: bytes }));
    rmSync(join(cacheFolder, objectPath(digest)));
  });

  it('shares artifacts between machines', async (t) => {
    const prefix = randomUUID();
    const bytes = randomBytes(200_000);
    const { digest } = await (await open(t, prefix)).putBytes(bytes);
    const other = await open(t, prefix);
    assert.deepEqual(await other.stat(digest), { digest, size: 200_000 });
    const paths = await Promise.all(Array.from({ length: 8 }, () => other.open(digest)));
    assert.equal(new Set(paths).size, 1);
    assert.equal((await other.putBytes(bytes)).existed, true);
  });

  it('sends large artifacts in parts', async (t) => {
    const prefix = randomUUID();
    const bytes = randomBytes(40 << 20);
    const { digest } = await (await open(t, prefix)).putBytes(bytes);
    const { ContentLength } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: `${prefix}/${objectPath(digest)}` }));
    assert.equal(ContentLength, bytes.length);
    await (await open(t, prefix)).open(digest);
  });

  it('keeps its cache small, but not at the cost of what is in use', async (t) => {
    const cacheFolder = scratchFolder(t);
    const store = await open(t, randomUUID(), cacheFolder, 150_000);
    const old = await store.putBytes(randomBytes(100_000));
    const twoHoursAgo = new Date(Date.now() - 2 * 3600 * 1000);
    utimesSync(join(cacheFolder, objectPath(old.digest)), twoHoursAgo, twoHoursAgo);
    const first = await store.putBytes(randomBytes(100_000));
    const second = await store.putBytes(randomBytes(100_000));
    const cached = readdirSync(join(cacheFolder, 'objects'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const names = cached.map((entry) => entry.parentPath.slice(-2) + entry.name).toSorted();
    assert.deepEqual(names, [first.digest, second.digest].toSorted());
    assert.equal(digestOf(Buffer.concat(await gather(store, old.digest))), old.digest);
  });

  it('names a bucket that does not exist, and a server that cannot be reached', async (t) => {
    const missing = await openArtifactStore(`s3://nowhere/x?endpoint=${endpoint}`, { cacheFolder: scratchFolder(t) });
    t.after(() => missing.close());
    await assert.rejects(
      missing.check(),
      (error) => error instanceof FailedPrecondition && /s3:\/\/nowhere\/x\/: this bucket does not exist/.test(error.message),
    );
    await assert.rejects(missing.putBytes(Buffer.from('x')), FailedPrecondition);
    const down = await openArtifactStore(`s3://${BUCKET}/x?endpoint=http://127.0.0.1:9`, { cacheFolder: scratchFolder(t) });
    t.after(() => down.close());
    await assert.rejects(down.stat(digestOf(Buffer.from('x'))), Unavailable);
  });
});

async function gather(store: ArtifactStore, digest: string): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of store.read(digest)) chunks.push(chunk);
  return chunks;
}
