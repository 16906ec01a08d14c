import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, ServiceError, Unavailable } from '@rift/service-kit/client';
import { createReadStream } from 'node:fs';
import { readFile, utimes, stat as statFile } from 'node:fs/promises';
import { type FolderStore } from './folder-store.js';
import {
  type Artifact,
  type ArtifactStore,
  type Digest,
  type Expectation,
  type StoredArtifact,
  assertDigest,
  objectPath,
} from './store.js';

/** Up to this size one request sends an artifact. Requests hold their bytes in memory, since the SDK does not repeat a broken stream. */
const PART_SIZE = 16 << 20;
const IN_USE_MS = 3600 * 1000;

export interface S3StoreOptions {
  readonly client: S3Client;
  readonly bucket: string;
  /** Comes before every key; empty or ending in a slash. */
  readonly prefix: string;
  /** Where artifacts lie on this machine while they are used. */
  readonly cache: FolderStore;
  /** Size the cache is brought back to, in bytes; what was used within the last hour stays whatever its size. */
  readonly cacheBytes: number;
}

/**
 * Artifacts in an S3 bucket. Every artifact passes through a folder store on this machine, which hashes what comes and goes: an
 * object is in the bucket only after its bytes were verified here, and a path is handed out only after they were verified again.
 */
export class S3Store implements ArtifactStore {
  readonly #fetching = new Map<Digest, Promise<string>>();

  constructor(private readonly options: S3StoreOptions) {}

  async putFile(path: string, expected?: Expectation): Promise<StoredArtifact> {
    return this.#publish(await this.options.cache.putFile(path, expected));
  }

  async adoptFile(path: string, expected?: Expectation): Promise<StoredArtifact> {
    return this.#publish(await this.options.cache.adoptFile(path, expected));
  }

  async putStream(source: AsyncIterable<Uint8Array>, expected?: Expectation): Promise<StoredArtifact> {
    return this.#publish(await this.options.cache.putStream(source, expected));
  }

  async putPart(source: AsyncIterable<Uint8Array>, expected: Required<Expectation>, offset: number): Promise<StoredArtifact> {
    return this.#publish(await this.options.cache.putPart(source, expected, offset));
  }

  received(digest: Digest): Promise<number> {
    return this.options.cache.received(digest);
  }

  async putBytes(bytes: Uint8Array, expected?: Expectation): Promise<StoredArtifact> {
    return this.#publish(await this.options.cache.putBytes(bytes, expected));
  }

  async #publish({ digest, size }: Artifact): Promise<StoredArtifact> {
    const remote = await this.stat(digest);
    if (remote?.size === size) return { digest, size, existed: true };
    const { client, bucket, cache } = this.options;
    const path = await cache.open(digest);
    const target = { Bucket: bucket, Key: this.#key(digest), ContentType: 'application/octet-stream' };
    await this.#ask(digest, async () => {
      if (size <= PART_SIZE) {
        // The server compares the hash itself before the object appears.
        const checksum = Buffer.from(digest, 'hex').toString('base64');
        await client.send(new PutObjectCommand({ ...target, Body: await readFile(path), ContentLength: size, ChecksumSHA256: checksum }));
      } else {
        await new Upload({
          client,
          params: { ...target, Body: createReadStream(path) },
          partSize: PART_SIZE,
          leavePartsOnError: false,
        }).done();
      }
    });
    await this.#trimCache();
    return { digest, size, existed: false };
  }

  async open(digest: Digest): Promise<string> {
    assertDigest(digest);
    let fetching = this.#fetching.get(digest);
    if (fetching === undefined) {
      fetching = this.#toCache(digest).finally(() => this.#fetching.delete(digest));
      this.#fetching.set(digest, fetching);
    }
    return fetching;
  }

  async #toCache(digest: Digest): Promise<string> {
    const { cache, client, bucket } = this.options;
    if ((await cache.stat(digest)) === undefined) {
      const { Body } = await this.#ask(digest, () => client.send(new GetObjectCommand({ Bucket: bucket, Key: this.#key(digest) })));
      if (Body === undefined) throw new Unavailable(this.#where(), `it sent no body for artifact ${digest}`);
      try {
        await cache.putStream(Body as AsyncIterable<Uint8Array>, { digest });
      } catch (error) {
        if (!(error instanceof InvalidArgument)) throw error instanceof ServiceError ? error : this.#unreachable(error);
        throw new FailedPrecondition(
          `artifact ${digest}`,
          `its object in ${this.#where()} was changed; delete it and make or import it again`,
          {
            cause: error,
          },
        );
      }
      await this.#trimCache();
    }
    const path = await cache.open(digest);
    const { mtime } = await statFile(path);
    // The access time orders the cache; the time of change has to stay, since it tells whether the file was touched.
    await utimes(path, new Date(), mtime);
    return path;
  }

  async *read(digest: Digest, offset?: number, chunkSize?: number): AsyncGenerator<Buffer, void, void> {
    await this.open(digest);
    yield* this.options.cache.read(digest, offset, chunkSize);
  }

  async stat(digest: Digest): Promise<Artifact | undefined> {
    assertDigest(digest);
    const { client, bucket } = this.options;
    try {
      const { ContentLength } = await this.#ask(digest, () =>
        client.send(new HeadObjectCommand({ Bucket: bucket, Key: this.#key(digest) })),
      );
      return { digest, size: ContentLength ?? 0 };
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  async *list(): AsyncGenerator<Artifact, void, void> {
    const { client, bucket, prefix } = this.options;
    let token: string | undefined;
    do {
      const page = await this.#ask('', () =>
        client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}objects/`, ContinuationToken: token })),
      );
      for (const { Key = '', Size = 0 } of page.Contents ?? []) {
        const digest = Key.slice(`${prefix}objects/`.length).replace('/', '');
        if (/^[0-9a-f]{64}$/.test(digest)) yield { digest, size: Size };
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(digest: Digest): Promise<boolean> {
    const { client, bucket, cache } = this.options;
    const existed = (await this.stat(digest)) !== undefined;
    if (existed) await this.#ask(digest, () => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: this.#key(digest) })));
    await cache.delete(digest);
    return existed;
  }

  scratchPath(suffix?: string): Promise<string> {
    return this.options.cache.scratchPath(suffix);
  }

  async check(): Promise<void> {
    await this.options.cache.check();
    await this.#ask('', () => this.options.client.send(new HeadBucketCommand({ Bucket: this.options.bucket })));
  }

  async close(): Promise<void> {
    this.options.client.destroy();
    await this.options.cache.close();
  }

  #key(digest: Digest): string {
    return `${this.options.prefix}${objectPath(digest)}`;
  }

  #where(): string {
    return `s3://${this.options.bucket}/${this.options.prefix}`;
  }

  #unreachable(error: unknown): Unavailable {
    return new Unavailable(this.#where(), error instanceof Error ? error.message : String(error), { cause: error });
  }

  async #ask<T>(digest: Digest, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof S3ServiceException)) throw this.#unreachable(error);
      const status = error.$metadata.httpStatusCode;
      if (error.name === 'NoSuchBucket' || (status === 404 && digest === '')) {
        throw new FailedPrecondition(this.#where(), 'this bucket does not exist; create it first', { cause: error });
      }
      if (status === 404) throw new NotFound('artifact', digest, 'it was never stored here, or it was deleted', { cause: error });
      if (status === 401 || status === 403)
        throw new PermissionDenied(`access to ${this.#where()}`, `${error.name}: ${error.message}`, { cause: error });
      throw this.#unreachable(error);
    }
  }

  async #trimCache(): Promise<void> {
    const { cache, cacheBytes } = this.options;
    const entries: { digest: Digest; size: number; usedAt: number }[] = [];
    for await (const { digest, size } of cache.list()) {
      const status = await statFile(`${cache.root}/${objectPath(digest)}`).catch(() => undefined);
      if (status !== undefined) entries.push({ digest, size, usedAt: status.atimeMs });
    }
    let excess = entries.reduce((sum, { size }) => sum + size, 0) - cacheBytes;
    for (const { digest, size, usedAt } of entries.toSorted((a, b) => a.usedAt - b.usedAt)) {
      if (excess <= 0 || usedAt > Date.now() - IN_USE_MS) return;
      await cache.delete(digest);
      excess -= size;
    }
  }
}
