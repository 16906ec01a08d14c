import { ArtifactServiceConstructor, type UploadRequestInput } from '@rift/contracts';
import { Internal, InvalidArgument, NotFound, Unavailable, type Peer } from '@rift/service-kit/client';
import { createHash, randomUUID, type Hash } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { CallOptions } from './calls.js';

const methods = ArtifactServiceConstructor.service;

/** Bytes of one message; the contract allows 1 MiB. */
const CHUNK_BYTES = 512 * 1024;
const MAX_ATTEMPTS = 5;
const PAUSE_MS = 300;

/** How a transfer is watched and given up. */
export interface TransferOptions {
  readonly signal?: AbortSignal;
  /** Called with the bytes transferred so far and in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Bytes that the service holds. */
export interface StoredFile {
  /** SHA-256, lower-case hexadecimal. */
  readonly digest: string;
  readonly size: number;
}

/** Immutable bytes named by their SHA-256. Every call fails with the error class that the service threw. */
export class Artifacts {
  constructor(private readonly peer: Peer) {}

  /** The size of an artifact, or undefined when the service does not hold it. */
  async stat(digest: string, options: CallOptions = {}): Promise<number | undefined> {
    const { exists, size } = await this.peer.unary(methods.Stat, { digest }, { idempotent: true, ...options });
    return exists ? size : undefined;
  }

  /**
   * Stores a file. Content that the service holds already is not sent again; after a broken connection, also one of an earlier process,
   * it goes on with the first byte that did not arrive.
   *
   * @throws NotFound when the file does not exist, InvalidArgument when it changes while it is sent
   */
  async uploadFile(path: string, options: TransferOptions = {}): Promise<StoredFile> {
    const handle = await openFile(path);
    try {
      const { digest, size } = await hashFile(handle, options.signal);
      if ((await this.stat(digest, signalOf(options))) !== undefined) return { digest, size };
      await this.#retried(async () => {
        const { received } = await this.peer.unary(methods.Stat, { digest }, { idempotent: true, ...signalOf(options) });
        await this.peer.clientStream(methods.Upload, uploadMessages(handle, { digest, size }, received, options), signalOf(options));
      }, options.signal);
      return { digest, size };
    } finally {
      await handle.close();
    }
  }

  /** Stores bytes that are in memory. */
  async uploadBytes(bytes: Uint8Array, options: TransferOptions = {}): Promise<StoredFile> {
    const digest = createHash('sha256').update(bytes).digest('hex');
    if ((await this.stat(digest, signalOf(options))) === undefined) {
      const messages = function* (): Generator<UploadRequestInput, void, void> {
        yield { header: { digest, size: bytes.length } };
        for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield { chunk: Buffer.from(bytes.subarray(at, at + CHUNK_BYTES)) };
      };
      await this.#retried(async () => {
        await this.peer.clientStream(methods.Upload, messages(), signalOf(options));
      }, options.signal);
    }
    return { digest, size: bytes.length };
  }

  /**
   * Writes an artifact to a file: beside its place first, moved there once complete and checked. A broken connection goes
   * on at the byte where it broke.
   *
   * @throws NotFound when the service does not hold it, Internal when the bytes are not those of the digest
   */
  async downloadFile(digest: string, path: string, options: TransferOptions = {}): Promise<StoredFile> {
    await mkdir(dirname(path), { recursive: true });
    const partial = `${path}.${randomUUID().slice(0, 8)}.part`;
    const handle = await open(partial, 'wx');
    try {
      try {
        const size = await this.#download(digest, options, async (chunk) => {
          for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at, chunk.length - at)).bytesWritten;
        });
        await handle.sync();
        await handle.close();
        await rename(partial, path);
        return { digest, size };
      } finally {
        await handle.close();
      }
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }

  /** An artifact in memory, for small ones such as reports. */
  async downloadBytes(digest: string, options: TransferOptions = {}): Promise<Buffer> {
    const chunks: Buffer[] = [];
    await this.#download(digest, options, async (chunk) => {
      chunks.push(chunk);
    });
    return Buffer.concat(chunks);
  }

  async #download(digest: string, options: TransferOptions, write: (chunk: Buffer) => Promise<void>): Promise<number> {
    const hash = createHash('sha256');
    let offset = 0;
    let size = 0;
    await this.#retried(async () => {
      for await (const piece of this.peer.serverStream(methods.Download, { digest, offset }, signalOf(options))) {
        if (piece.offset !== offset) throw new Internal(`The download of ${digest} skipped from byte ${offset} to ${piece.offset}.`);
        hash.update(piece.chunk);
        await write(piece.chunk);
        offset += piece.chunk.length;
        size = piece.size;
        options.onProgress?.(offset, size);
      }
      if (offset < size) throw new Unavailable(this.peer.target, `the download of ${digest} ended at byte ${offset} of ${size}`);
    }, options.signal);
    const actual = hash.digest('hex');
    if (actual !== digest) throw new Internal(`The download of ${digest} brought other bytes (SHA-256 ${actual}); nothing was written.`);
    return size;
  }

  async #retried(transfer: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await transfer();
      } catch (error) {
        if (!(error instanceof Unavailable) || attempt >= MAX_ATTEMPTS || signal?.aborted === true) throw error;
        await sleep(PAUSE_MS * 2 ** (attempt - 1), undefined, { signal }).catch(() => undefined);
      }
    }
  }
}

function signalOf({ signal }: TransferOptions): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    const handle = await open(path, 'r');
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing) throw new NotFound('file', path);
    throw new InvalidArgument('file', path, error instanceof Error ? error.message : String(error), { cause: error });
  }
  throw new InvalidArgument('file', path, 'must be a file');
}

/** The file's chunks from an offset on; reads by position, so that it can be done again on the same handle. */
async function* chunksOf(handle: FileHandle, offset = 0): AsyncGenerator<Buffer, void, void> {
  for (let position = offset; ;) {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function hashFile(handle: FileHandle, signal: AbortSignal | undefined): Promise<StoredFile> {
  const hash: Hash = createHash('sha256');
  let size = 0;
  for await (const chunk of chunksOf(handle)) {
    signal?.throwIfAborted();
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: hash.digest('hex'), size };
}

async function* uploadMessages(
  handle: FileHandle,
  { digest, size }: StoredFile,
  offset: number,
  { onProgress }: TransferOptions,
): AsyncGenerator<UploadRequestInput, void, void> {
  yield { header: { digest, size, offset } };
  let done = offset;
  for await (const chunk of chunksOf(handle, offset)) {
    yield { chunk };
    done += chunk.length;
    onProgress?.(done, size);
  }
}
