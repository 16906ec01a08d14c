import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FolderStore } from '@rift/artifacts';
import type { UploadRequest } from '@rift/contracts';
import { InvalidArgument, NotFound, ResourceExhausted } from '@rift/service-kit';
import { ArtifactService } from './artifact-service.js';

describe('ArtifactService', () => {
  let folder: string;
  let service: ArtifactService;
  const content = randomBytes(3_000_000);
  const digest = createHash('sha256').update(content).digest('hex');

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rift-artifacts-'));
    service = new ArtifactService(await FolderStore.open(folder));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function* upload(
    header: { digest: string; size: number; offset?: number } | null,
    chunks: readonly Buffer[],
  ): AsyncGenerator<UploadRequest, void, void> {
    if (header) yield { content: 'header', header: { offset: 0, ...header } };
    for (const chunk of chunks) yield { content: 'chunk', chunk };
  }

  async function bytesFrom(offset: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const { offset: at, chunk, size } of service.download(digest, offset)) {
      assert.equal(at, offset + pieces.reduce((sum, piece) => sum + piece.length, 0));
      assert.equal(size, content.length);
      assert.ok(chunk.length <= 1 << 20);
      pieces.push(chunk);
    }
    return Buffer.concat(pieces);
  }

  it('refuses bytes other than announced and keeps nothing of them', async () => {
    const wrong = upload({ digest, size: content.length }, [content.subarray(0, 1000), Buffer.alloc(content.length - 1000)]);
    await assert.rejects(service.upload(wrong), InvalidArgument);
    const short = upload({ digest, size: content.length }, [content.subarray(0, 1000)]);
    await assert.rejects(service.upload(short), InvalidArgument);
    const rest = upload({ digest, size: content.length, offset: 1000 }, [content.subarray(1000)]);
    await assert.rejects(service.upload(rest), /offset is 1000: must be at most the 0 bytes that were received/);
    assert.deepEqual(await service.stat(digest), { exists: false, size: 0, received: 0 });
  });

  it('refuses messages out of order', async () => {
    await assert.rejects(service.upload(upload(null, [content])), InvalidArgument);
    await assert.rejects(service.upload(upload(null, [])), InvalidArgument);
    await assert.rejects(service.upload(upload({ digest, size: content.length }, [content])), /at most 1048576 bytes/);
  });

  it('stores bytes in pieces, and ends at once when they are known', async () => {
    const pieces = [0, 1, 2].map((index) => content.subarray(index * 1_000_000, (index + 1) * 1_000_000));
    assert.deepEqual(await service.upload(upload({ digest, size: content.length }, pieces)), {
      digest,
      size: content.length,
      existed: false,
    });
    let read = 0;
    const counted = async function* (): AsyncGenerator<UploadRequest, void, void> {
      for await (const message of upload({ digest, size: content.length }, pieces)) {
        read += 1;
        yield message;
      }
    };
    assert.equal((await service.upload(counted())).existed, true);
    assert.equal(read, 1);
    assert.deepEqual(await service.stat(digest), { exists: true, size: content.length, received: 0 });
  });

  it('gives bytes back from any offset', async () => {
    assert.ok((await bytesFrom(0)).equals(content));
    assert.ok((await bytesFrom(2_999_990)).equals(content.subarray(2_999_990)));
    assert.equal((await bytesFrom(content.length)).length, 0);
    await assert.rejects(bytesFrom(content.length + 1), InvalidArgument);
  });

  it('refuses an upload that the store has no room for by its quota, before it takes a byte', async () => {
    const small = new ArtifactService(service.store, content.length + 10);
    const other = Buffer.from('more than ten bytes');
    const header = { digest: createHash('sha256').update(other).digest('hex'), size: other.length };
    await assert.rejects(
      small.upload(upload(header, [other])),
      (error) => error instanceof ResourceExhausted && /RIFT_ARTIFACTS_GIB/.test(error.message),
    );
    assert.equal((await small.upload(upload({ digest, size: content.length }, []))).existed, true);
  });

  it('says which artifact is missing', async () => {
    await assert.rejects(async () => {
      for await (const piece of service.download('0'.repeat(64), 0)) void piece;
    }, NotFound);
    await assert.rejects(service.stat('../etc/passwd'), InvalidArgument);
  });
});
