// The rules every artifact store keeps, as tests that run against each kind.
import { FailedPrecondition, InvalidArgument, NotFound } from '@rift/service-kit/client';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { type ArtifactStore } from '../store.js';

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export function scratchFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'artifacts-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function* inPieces(bytes: Buffer, pieces: number, failAfter = Infinity): AsyncGenerator<Buffer> {
  const step = Math.ceil(bytes.length / pieces);
  for (let piece = 0; piece < pieces; piece += 1) {
    if (piece >= failAfter) throw new Error('the connection broke');
    await new Promise((resolve) => setImmediate(resolve));
    yield bytes.subarray(piece * step, (piece + 1) * step);
  }
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

/**
 * @param open makes an empty store for one test and disposes of it afterwards
 * @param tamper changes the stored bytes of an artifact behind the store's back, keeping their number
 */
export function storeRules(
  open: (t: TestContext) => Promise<ArtifactStore>,
  tamper: (store: ArtifactStore, digest: string, bytes: Buffer) => Promise<void>,
): void {
  it('names bytes by their SHA-256 and gives them back', async (t) => {
    const store = await open(t);
    const bytes = randomBytes(300_000);
    const stored = await store.putBytes(bytes);
    assert.deepEqual(stored, { digest: digestOf(bytes), size: 300_000, existed: false });
    assert.deepEqual(readFileSync(await store.open(stored.digest)), bytes);
    assert.deepEqual(await store.stat(stored.digest), { digest: stored.digest, size: 300_000 });
    assert.deepEqual(await store.putBytes(bytes), { ...stored, existed: true });
  });

  it('keeps an artifact without any bytes', async (t) => {
    const store = await open(t);
    const { digest } = await store.putBytes(Buffer.alloc(0));
    assert.equal(readFileSync(await store.open(digest)).length, 0);
    assert.deepEqual(await collect(store.read(digest)), []);
  });

  it('copies a file that is put and takes one that is adopted', async (t) => {
    const store = await open(t);
    const own = join(scratchFolder(t), 'network.safetensors');
    writeFileSync(own, 'weights');
    const { digest } = await store.putFile(own);
    assert.ok(existsSync(own));
    assert.equal((await store.adoptFile(own)).existed, true);
    assert.equal(existsSync(own), false);
    const made = await store.scratchPath('.safetensors');
    writeFileSync(made, 'other weights');
    const adopted = await store.adoptFile(made);
    assert.equal(existsSync(made), false);
    assert.equal(readFileSync(await store.open(adopted.digest), 'utf8'), 'other weights');
    assert.equal(readFileSync(await store.open(digest), 'utf8'), 'weights');
  });

  it('reads from an offset, and refuses one beyond the end', async (t) => {
    const store = await open(t);
    const bytes = randomBytes(1_000_000);
    const { digest } = await store.putBytes(bytes);
    const chunks = await collect(store.read(digest, 123_456, 65_536));
    assert.ok(chunks.every((chunk) => chunk.length <= 65_536));
    assert.deepEqual(Buffer.concat(chunks), bytes.subarray(123_456));
    assert.deepEqual(await collect(store.read(digest, 1_000_000)), []);
    await assert.rejects(collect(store.read(digest, 1_000_001)), InvalidArgument);
    await assert.rejects(collect(store.read(digest, -1)), InvalidArgument);
  });

  it('refuses content that is not what was announced, and keeps nothing of it', async (t) => {
    const store = await open(t);
    const bytes = randomBytes(100_000);
    await assert.rejects(
      store.putStream(inPieces(bytes, 4), { digest: digestOf(Buffer.from('x')) }),
      /digest is .*the content has SHA-256/,
    );
    await assert.rejects(store.putStream(inPieces(bytes, 4), { size: 99_999 }), /size is 99999: the content is longer/);
    await assert.rejects(store.putStream(inPieces(bytes, 4), { size: 100_001 }), /size is 100001: the content has 100000 bytes/);
    assert.deepEqual(await collect(store.list()), []);
    assert.equal(await store.stat(digestOf(bytes)), undefined);
  });

  it('keeps nothing of a stream that breaks', async (t) => {
    const store = await open(t);
    await assert.rejects(store.putStream(inPieces(randomBytes(100_000), 10, 5)), /the connection broke/);
    assert.deepEqual(await collect(store.list()), []);
  });

  it('goes on with an upload where it broke, for one writer, and refuses what was never received', async (t) => {
    const store = await open(t);
    const bytes = randomBytes(100_000);
    const expected = { digest: digestOf(bytes), size: bytes.length };
    await assert.rejects(store.putPart(inPieces(bytes, 10, 5), expected, 0), /the connection broke/);
    assert.equal(await store.stat(expected.digest), undefined);
    assert.equal(await store.received(expected.digest), 50_000);
    await assert.rejects(store.putPart(inPieces(bytes, 1), expected, 50_001), InvalidArgument);
    const rest = (from: number): AsyncGenerator<Buffer> => inPieces(bytes.subarray(from), 3);
    const both = await Promise.allSettled([store.putPart(rest(40_000), expected, 40_000), store.putPart(rest(40_000), expected, 40_000)]);
    assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    assert.deepEqual(readFileSync(await store.open(expected.digest)), bytes);
    assert.equal(await store.received(expected.digest), 0);
  });

  it('keeps nothing of an upload that turns out to be something else', async (t) => {
    const store = await open(t);
    const expected = { digest: digestOf(Buffer.from('x')), size: 100_000 };
    await assert.rejects(store.putPart(inPieces(randomBytes(100_000), 4), expected, 0), InvalidArgument);
    assert.equal(await store.received(expected.digest), 0);
  });

  it('names the digest it does not have', async (t) => {
    const store = await open(t);
    const digest = digestOf(Buffer.from('nobody'));
    await assert.rejects(store.open(digest), (error) => error instanceof NotFound && error.id === digest);
    assert.equal(await store.stat(digest), undefined);
    assert.equal(await store.delete(digest), false);
  });

  it('refuses names that are no digest, above all paths', async (t) => {
    const store = await open(t);
    for (const bad of ['', '../../etc/passwd', 'A'.repeat(64), 'a'.repeat(63), `${'a'.repeat(64)}\n`]) {
      await assert.rejects(store.open(bad), InvalidArgument);
      await assert.rejects(store.stat(bad), InvalidArgument);
      await assert.rejects(store.delete(bad), InvalidArgument);
    }
  });

  it('lists what it holds and forgets what is deleted', async (t) => {
    const store = await open(t);
    const digests = await Promise.all(['a', 'b', 'c'].map(async (text) => (await store.putBytes(Buffer.from(text))).digest));
    assert.deepEqual((await collect(store.list())).map(({ digest }) => digest).toSorted(), digests.toSorted());
    assert.equal(await store.delete(digests[0] ?? ''), true);
    await assert.rejects(store.open(digests[0] ?? ''), NotFound);
    assert.equal((await collect(store.list())).length, 2);
  });

  it('takes the same bytes from many writers at once', async (t) => {
    const store = await open(t);
    const bytes = randomBytes(500_000);
    const stored = await Promise.all(Array.from({ length: 12 }, () => store.putStream(inPieces(bytes, 7))));
    assert.deepEqual(new Set(stored.map(({ digest }) => digest)), new Set([digestOf(bytes)]));
    const paths = await Promise.all(Array.from({ length: 12 }, () => store.open(digestOf(bytes))));
    assert.ok(paths.every((path) => readFileSync(path).equals(bytes)));
    assert.equal((await collect(store.list())).length, 1);
  });

  it('never hands out bytes that were changed behind its back, and takes the right ones again', async (t) => {
    const store = await open(t);
    const bytes = randomBytes(50_000);
    const { digest } = await store.putBytes(bytes);
    const wrong = Buffer.from(bytes);
    wrong[25_000] = (wrong[25_000] ?? 0) ^ 1;
    await tamper(store, digest, wrong);
    await assert.rejects(store.open(digest), (error) => {
      assert.ok(error instanceof FailedPrecondition);
      assert.match(
        error.message,
        new RegExp(`artifact ${digest}.*was changed.*delete the artifact|artifact ${digest}.*was changed; delete it`),
      );
      return true;
    });
    await assert.rejects(collect(store.read(digest)), FailedPrecondition);
    assert.equal(await store.delete(digest), true);
    assert.equal((await store.putBytes(bytes)).existed, false);
    assert.deepEqual(readFileSync(await store.open(digest)), bytes);
  });
}
