import { FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted, ServiceError } from '@rift/service-kit/client';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, truncate } from 'node:fs/promises';
import { type Artifact, type Expectation } from './store.js';

const READ_SIZE = 1 << 20;

/**
 * What the operating system refused, as an error that says what to do. Other errors pass unchanged.
 * @param fallback the path to name where the error itself names none
 */
export function fileError(error: unknown, fallback: string): unknown {
  if (error instanceof ServiceError || !(error instanceof Error) || !('code' in error)) return error;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : fallback;
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new ResourceExhausted(
        'disk space',
        `no room left to write ${path}; delete runs or artifacts, or give the store more space`,
        undefined,
        {
          cause: error,
        },
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new FailedPrecondition(path, 'this process may not write there', { cause: error });
    case 'EISDIR':
      return new InvalidArgument('path', path, 'is a folder, a file is needed', { cause: error });
    case 'ENOENT':
      return new NotFound('file', path, '', { cause: error });
    default:
      return error;
  }
}

/** Makes the entry of a new or removed file in its folder survive a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the bytes of a file survive a power loss. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The bytes of a file from `offset` on. The file is opened when the first piece is asked for, so that an error meets its reader. */
export async function* readFrom(path: string, offset = 0, chunkSize = READ_SIZE): AsyncGenerator<Buffer, void, void> {
  yield* createReadStream(path, { start: offset, highWaterMark: chunkSize }) as AsyncIterable<Buffer>;
}

/** SHA-256 and size of a file. */
export async function measure(path: string): Promise<Artifact> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of readFrom(path)) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: hash.digest('hex'), size };
}

/** What ended a stream whose bytes so far are good. */
export class BrokenStream extends Error {
  override readonly name = 'BrokenStream';
}

/**
 * Writes a stream into a new file, or on from an offset into one that holds the bytes before it, and syncs it. Stops at the first byte beyond the expected size, so that nobody can fill the disk
 * with more than was announced.
 *
 * @throws BrokenStream with the cause when the stream fails; the bytes before that are synced
 */
export async function write(path: string, source: AsyncIterable<Uint8Array>, expected: Expectation, offset = 0): Promise<Artifact> {
  const hash = createHash('sha256');
  let size = 0;
  if (offset > 0) {
    await truncate(path, offset);
    for await (const chunk of readFrom(path)) hash.update(chunk);
    size = offset;
  }
  const handle = await open(path, offset > 0 ? 'a' : 'ax', 0o644);
  try {
    for await (const chunk of unbroken(source)) {
      size += chunk.length;
      if (expected.size !== undefined && size > expected.size) throw new InvalidArgument('size', expected.size, 'the content is longer');
      hash.update(chunk);
      for (let done = 0; done < chunk.length;) done += (await handle.write(chunk, done)).bytesWritten;
    }
    await handle.sync();
  } catch (error) {
    if (error instanceof BrokenStream) await handle.sync();
    throw error;
  } finally {
    await handle.close();
  }
  return { digest: hash.digest('hex'), size };
}

/** Tells failures of the stream from those of its writer. */
async function* unbroken(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* source;
  } catch (cause) {
    throw new BrokenStream('the stream broke', { cause });
  }
}
