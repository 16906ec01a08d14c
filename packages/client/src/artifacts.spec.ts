import { InvalidArgument, NotFound, Unavailable } from '@rift/service-kit/client';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { RiftClient } from './client.js';
import { FakeOrchestrator } from './testing/fake-orchestrator.js';

const BYTES = randomBytes(1_300_000);
const DIGEST = createHash('sha256').update(BYTES).digest('hex');

describe('Artifacts', () => {
  let fake: FakeOrchestrator;
  let client: RiftClient;
  let folder: string;

  beforeEach(async () => {
    fake = new FakeOrchestrator();
    client = new RiftClient(await fake.start());
    folder = await mkdtemp(join(tmpdir(), 'rift-client-'));
  });
  afterEach(async () => {
    client.close();
    fake.stop();
    await rm(folder, { recursive: true });
  });

  const count = (method: string): number => fake.calls.filter((call) => call.method === method).length;

  it('uploads a file in pieces under its SHA-256', async () => {
    const path = join(folder, 'network.pth');
    await writeFile(path, BYTES);
    const done: number[] = [];
    const stored = await client.artifacts.uploadFile(path, { onProgress: (bytes) => done.push(bytes) });
    assert.deepEqual(stored, { digest: DIGEST, size: BYTES.length });
    assert.ok(fake.artifacts.get(DIGEST)?.equals(BYTES));
    assert.ok(done.length > 1 && done.at(-1) === BYTES.length);
  });

  it('does not send what the service holds already', async () => {
    fake.store(BYTES);
    const path = join(folder, 'network.pth');
    await writeFile(path, BYTES);
    await client.artifacts.uploadFile(path);
    await client.artifacts.uploadBytes(BYTES);
    assert.equal(count('Upload'), 0);
  });

  it('goes on with an upload at the byte where the connection broke', async () => {
    fake.breaks.set('Upload', { times: 1, after: 700_000 });
    const path = join(folder, 'network.pth');
    await writeFile(path, BYTES);
    await client.artifacts.uploadFile(path);
    const offsets = fake.calls.filter((call) => call.method === 'Upload').map(({ request }) => (request as { offset: number }).offset);
    assert.deepEqual(offsets, [0, 700_000]);
    assert.ok(fake.artifacts.get(DIGEST)?.equals(BYTES));
  });

  it('names a file that does not exist, or is a folder', async () => {
    await assert.rejects(
      client.artifacts.uploadFile(join(folder, 'none.pth')),
      (error) => error instanceof NotFound && error.id.endsWith('none.pth'),
    );
    await assert.rejects(client.artifacts.uploadFile(folder), InvalidArgument);
  });

  it('goes on with a download at the byte where the connection broke', async () => {
    fake.store(BYTES);
    fake.breaks.set('Download', { times: 2, after: 400_500 });
    const path = join(folder, 'deep', 'report.html');
    const stored = await client.artifacts.downloadFile(DIGEST, path);
    assert.equal(stored.size, BYTES.length);
    assert.ok((await readFile(path)).equals(BYTES));
    const offsets = fake.calls.filter(({ method }) => method === 'Download').map(({ request }) => (request as { offset: number }).offset);
    assert.equal(offsets.length, 3);
    assert.ok(offsets[0] === 0 && (offsets[1] ?? 0) > 0 && (offsets[2] ?? 0) > (offsets[1] ?? 0), `offsets ${offsets.join(', ')}`);
  });

  it('refuses bytes that are not those of the digest, and leaves no file', async () => {
    fake.artifacts.set(DIGEST, Buffer.from('something else'));
    await assert.rejects(client.artifacts.downloadFile(DIGEST, join(folder, 'report.html')), /brought other bytes/);
    assert.deepEqual(await readdir(folder), []);
  });

  it('leaves no file behind when the service does not hold the artifact, or stays away', async () => {
    await assert.rejects(client.artifacts.downloadFile('0'.repeat(64), join(folder, 'a')), NotFound);
    fake.store(BYTES);
    fake.breaks.set('Download', { times: 9, after: 0 });
    await assert.rejects(client.artifacts.downloadFile(DIGEST, join(folder, 'b')), Unavailable);
    assert.deepEqual(await readdir(folder), []);
  });

  it('says whether an artifact is there and how large it is', async () => {
    fake.store(BYTES);
    assert.equal(await client.artifacts.stat(DIGEST), BYTES.length);
    assert.equal(await client.artifacts.stat('0'.repeat(64)), undefined);
  });
});
