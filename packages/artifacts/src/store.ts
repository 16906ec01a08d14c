import { InvalidArgument } from '@rift/service-kit/client';

/** SHA-256 of an artifact's bytes as 64 lower-case hexadecimal digits: its name. */
export type Digest = string;

export interface Artifact {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface StoredArtifact extends Artifact {
  /** True when the store held these bytes before. */
  readonly existed: boolean;
}

/** What the bytes of a put must turn out to be. */
export interface Expectation {
  readonly digest?: Digest;
  readonly size?: number;
}

/**
 * Immutable bytes named by their SHA-256. Putting the same bytes again changes nothing; nothing half-written is ever visible; bytes
 * that no longer match their name are refused, never handed out.
 *
 * All methods reject with ServiceErrors: NotFound naming the digest, InvalidArgument for bytes that break an expectation,
 * ResourceExhausted when the store is full, FailedPrecondition when stored bytes were changed, Unavailable when the store cannot be
 * reached.
 */
export interface ArtifactStore {
  /** Stores a copy of a file. */
  putFile(path: string, expected?: Expectation): Promise<StoredArtifact>;
  /** Stores a file that its maker is done with: it is moved where that is possible, and gone from its place either way. */
  adoptFile(path: string, expected?: Expectation): Promise<StoredArtifact>;
  /** Stores what a stream yields, at the pace of the disk. A stream that fails leaves nothing. */
  putStream(source: AsyncIterable<Uint8Array>, expected?: Expectation): Promise<StoredArtifact>;
  /**
   * Stores what a stream yields, like putStream(), but keeps what arrived when the stream fails, so that another one goes on from there.
   *
   * @param offset place of the stream's first byte, at most received(); 0 begins anew
   */
  putPart(source: AsyncIterable<Uint8Array>, expected: Required<Expectation>, offset: number): Promise<StoredArtifact>;
  /** Bytes kept of a putPart() that failed; they go after a day. */
  received(digest: Digest): Promise<number>;
  /** Stores bytes. */
  putBytes(bytes: Uint8Array, expected?: Expectation): Promise<StoredArtifact>;
  /** A path on this machine where the verified bytes can be read. Never write to it. */
  open(digest: Digest): Promise<string>;
  /** The verified bytes from `offset` on, in pieces of at most `chunkSize` bytes (default 256 KiB). */
  read(digest: Digest, offset?: number, chunkSize?: number): AsyncGenerator<Buffer, void, void>;
  /** The size, or undefined where the store has no such artifact. */
  stat(digest: Digest): Promise<Artifact | undefined>;
  /** All artifacts, in no particular order. */
  list(): AsyncGenerator<Artifact, void, void>;
  /** Removes an artifact. Returns whether it was there. */
  delete(digest: Digest): Promise<boolean>;
  /** A new path beside the store where a maker can write a file for adoptFile(), which then costs no copy. */
  scratchPath(suffix?: string): Promise<string>;
  /** Rejects with the reason when the store cannot be used now. */
  check(): Promise<void>;
  close(): Promise<void>;
}

const DIGEST = /^[0-9a-f]{64}$/;

/** @throws InvalidArgument for anything that is no digest; this is also what keeps names from leaving the store's folder */
export function assertDigest(digest: string): asserts digest is Digest {
  if (!DIGEST.test(digest)) throw new InvalidArgument('digest', digest, 'must be a SHA-256 in 64 lower-case hexadecimal digits');
}

/** @throws InvalidArgument when the bytes are not what was expected */
export function assertExpected(found: Artifact, expected: Expectation): void {
  if (expected.size !== undefined && expected.size !== found.size) {
    throw new InvalidArgument('size', expected.size, `the content has ${found.size} bytes`);
  }
  if (expected.digest !== undefined && expected.digest !== found.digest) {
    throw new InvalidArgument('digest', expected.digest, `the content has SHA-256 ${found.digest}`);
  }
}

/** Where an artifact lies below the root of a store. */
export function objectPath(digest: Digest): string {
  return `objects/${digest.slice(0, 2)}/${digest.slice(2)}`;
}
