import { FailedPrecondition, InvalidArgument, NotFound } from '@rift/service-kit/client';
import { randomUUID } from 'node:crypto';
import { type Stats } from 'node:fs';
import { access, chmod, constants, mkdir, opendir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BrokenStream, fileError, measure, readFrom, syncFile, syncFolder, write } from './files.js';
import {
  type Artifact,
  type ArtifactStore,
  type Digest,
  type Expectation,
  type StoredArtifact,
  assertDigest,
  assertExpected,
  objectPath,
} from './store.js';

const STALE_MS = 24 * 3600 * 1000;
const CHUNK = 256 << 10;

/** What tells a changed file from the one that was verified, without reading it; times to the millisecond, as utimes() keeps them. */
const identity = ({ size, mtimeMs, ino }: Stats): string => `${size}:${Math.floor(mtimeMs)}:${ino}`;

/**
 * Artifacts in a folder that several processes may share: objects/ab/cdef… holds the bytes, incoming/ what is being written. A file
 * appears under its name by a rename after it was hashed and synced. Each process verifies a file when it first reads it, and again
 * when its size or time has changed since.
 */
export class FolderStore implements ArtifactStore {
  readonly #verified = new Map<Digest, string>();
  readonly #incoming: string;

  private constructor(readonly root: string) {
    this.#incoming = join(root, 'incoming');
  }

  /** Opens the store in a folder, which is made where it is missing, and clears away what killed writers left there a day ago. */
  static async open(root: string): Promise<FolderStore> {
    const store = new FolderStore(root);
    try {
      await mkdir(join(root, 'objects'), { recursive: true });
      await mkdir(store.#incoming, { recursive: true });
      for (const name of await readdir(store.#incoming)) {
        const path = join(store.#incoming, name);
        const found = await stat(path).catch(() => undefined);
        if (found !== undefined && found.mtimeMs < Date.now() - STALE_MS) await rm(path, { recursive: true, force: true });
      }
    } catch (error) {
      throw fileError(error, root);
    }
    return store;
  }

  async putFile(path: string, expected: Expectation = {}): Promise<StoredArtifact> {
    try {
      return await this.putStream(readFrom(path), expected);
    } catch (error) {
      throw fileError(error, path);
    }
  }

  async adoptFile(path: string, expected: Expectation = {}): Promise<StoredArtifact> {
    try {
      if (dirname(path) !== this.#incoming) {
        const stored = await this.putStream(readFrom(path), expected);
        await rm(path);
        return stored;
      }
      await syncFile(path);
      return await this.#settle(path, await measure(path), expected);
    } catch (error) {
      throw fileError(error, path);
    }
  }

  async putStream(source: AsyncIterable<Uint8Array>, expected: Expectation = {}): Promise<StoredArtifact> {
    if (expected.digest !== undefined) assertDigest(expected.digest);
    const path = await this.scratchPath();
    try {
      return await this.#settle(path, await write(path, source, expected), expected);
    } catch (error) {
      throw fileError(error instanceof BrokenStream ? error.cause : error, path);
    } finally {
      await rm(path, { force: true });
    }
  }

  async putPart(source: AsyncIterable<Uint8Array>, expected: Required<Expectation>, offset: number): Promise<StoredArtifact> {
    assertDigest(expected.digest);
    const path = await this.scratchPath();
    const kept = this.#partOf(expected.digest);
    try {
      if (offset > 0) await this.#takePart(expected.digest, offset, path);
      return await this.#settle(path, await write(path, source, expected, offset), expected);
    } catch (error) {
      if (!(error instanceof BrokenStream)) throw fileError(error, path);
      // Whoever breaks the rules of an upload does not go on with it.
      if (!(error.cause instanceof InvalidArgument)) await rename(path, kept);
      throw fileError(error.cause, path);
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Takes what is kept of an upload for one writer alone: a second one finds nothing. */
  async #takePart(digest: Digest, offset: number, path: string): Promise<void> {
    const received = await this.received(digest);
    if (offset > received) throw new InvalidArgument('offset', offset, `must be at most the ${received} bytes that were received`);
    try {
      await rename(this.#partOf(digest), path);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      throw new InvalidArgument('offset', offset, 'must be 0: another upload goes on with what was received', { cause: error });
    }
  }

  async received(digest: Digest): Promise<number> {
    assertDigest(digest);
    return (await statOf(this.#partOf(digest)))?.size ?? 0;
  }

  putBytes(bytes: Uint8Array, expected: Expectation = {}): Promise<StoredArtifact> {
    const once = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes;
    };
    return this.putStream(once(), expected);
  }

  /** Gives a written, synced and measured file its name. Writers of the same bytes may meet here: the last rename wins, with equal bytes. */
  async #settle(path: string, found: Artifact, expected: Expectation): Promise<StoredArtifact> {
    assertExpected(found, expected);
    const target = this.#pathOf(found.digest);
    if (await this.#isSound(found.digest)) {
      await rm(path, { force: true });
      return { ...found, existed: true };
    }
    const folder = dirname(target);
    if ((await mkdir(folder, { recursive: true })) !== undefined) await syncFolder(dirname(folder));
    await chmod(path, 0o444);
    await rename(path, target);
    await syncFolder(folder);
    this.#verified.set(found.digest, identity(await stat(target)));
    return { ...found, existed: false };
  }

  async open(digest: Digest): Promise<string> {
    assertDigest(digest);
    const path = this.#pathOf(digest);
    const status = await statOf(path);
    if (status === undefined) throw new NotFound('artifact', digest, 'it was never stored here, or it was deleted');
    if (this.#verified.get(digest) === identity(status)) return path;
    const found = await measure(path);
    if (found.digest !== digest) {
      throw new FailedPrecondition(
        `artifact ${digest}`,
        `its file ${path} was changed: its ${found.size} bytes have SHA-256 ${found.digest}; delete the artifact and make or import it again`,
      );
    }
    this.#verified.set(digest, identity(status));
    return path;
  }

  async *read(digest: Digest, offset = 0, chunkSize = CHUNK): AsyncGenerator<Buffer, void, void> {
    const path = await this.open(digest);
    const { size } = await stat(path);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > size) {
      throw new InvalidArgument('offset', offset, `must be between 0 and the ${size} bytes of the artifact`);
    }
    yield* readFrom(path, offset, chunkSize);
  }

  async stat(digest: Digest): Promise<Artifact | undefined> {
    assertDigest(digest);
    const status = await statOf(this.#pathOf(digest));
    return status && { digest, size: status.size };
  }

  async *list(): AsyncGenerator<Artifact, void, void> {
    const objects = join(this.root, 'objects');
    for await (const entry of await opendir(objects, { recursive: true })) {
      const digest = basename(entry.parentPath) + entry.name;
      if (!entry.isFile() || !/^[0-9a-f]{64}$/.test(digest)) continue;
      const found = await this.stat(digest);
      if (found !== undefined) yield found;
    }
  }

  async delete(digest: Digest): Promise<boolean> {
    assertDigest(digest);
    const path = this.#pathOf(digest);
    this.#verified.delete(digest);
    if ((await statOf(path)) === undefined) return false;
    try {
      await rm(path, { force: true });
      await syncFolder(dirname(path));
    } catch (error) {
      throw fileError(error, path);
    }
    return true;
  }

  async scratchPath(suffix = ''): Promise<string> {
    return join(this.#incoming, `${randomUUID()}${suffix}`);
  }

  async check(): Promise<void> {
    try {
      await access(this.#incoming, constants.W_OK);
    } catch (error) {
      throw fileError(error, this.#incoming);
    }
  }

  async close(): Promise<void> {
    this.#verified.clear();
  }

  async #isSound(digest: Digest): Promise<boolean> {
    try {
      await this.open(digest);
      return true;
    } catch (error) {
      // Missing or damaged: the bytes at hand are right and take that place.
      if (error instanceof NotFound || error instanceof FailedPrecondition) return false;
      throw error;
    }
  }

  #partOf(digest: Digest): string {
    return join(this.#incoming, `part-${digest}`);
  }

  #pathOf(digest: Digest): string {
    return join(this.root, objectPath(digest));
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fileError(error, path);
  }
}
