import type { DataSelection, NetworkRef } from '@rift/contracts';
import type { DataFile, NetworkFile } from '@rift/core';
import { InvalidArgument, NotFound } from '@rift/service-kit';

import type { ArtifactFiles } from './artifact-files.js';
import type { Scratch } from './scratch.js';

/** The files of one job: artifacts by digest on the way in, outputs on the way out. */
export class JobFiles {
  /** Which field of the request named the artifact at a local path. */
  readonly #origins = new Map<string, { field: string; digest: string }>();
  readonly #outputs: string[] = [];

  constructor(
    private readonly artifacts: ArtifactFiles,
    private readonly scratch: Scratch,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Local path of an artifact.
   * @param field path of the field that names it, for errors
   * @throws NotFound naming the field
   */
  async artifact(field: string, digest: string): Promise<string> {
    try {
      const path = await this.artifacts.fetch(digest, this.signal);
      this.#origins.set(path, { field, digest });
      return path;
    } catch (error) {
      if (error instanceof NotFound) {
        throw new NotFound('artifact', digest, `${field} names it; upload or import it first`, { cause: error });
      }
      throw error;
    }
  }

  async network(field: string, { digest, blend }: NetworkRef): Promise<NetworkFile> {
    const path = await this.artifact(`${field}.digest`, digest);
    if (blend === null) return { path, blend: null };
    return { path, blend: { toPath: await this.artifact(`${field}.blend.toDigest`, blend.toDigest), alpha: blend.alpha } };
  }

  async data(field: string, { splitDigest, offset, limit }: DataSelection): Promise<DataFile> {
    return { path: await this.artifact(`${field}.splitDigest`, splitDigest), offset, limit };
  }

  /** A path for the job to write an artifact to; it is stored when the job is done. */
  output(): string {
    const path = this.scratch.output();
    this.#outputs.push(path);
    return path;
  }

  /** A path for the job to write to that is not stored as it is. */
  folder(): string {
    return this.scratch.output();
  }

  /** Where the job keeps its checkpoint, or null. */
  get checkpoint(): string | null {
    return this.scratch.checkpoint;
  }

  /** Stores every output; digests in the order they were asked for. */
  async store(): Promise<string[]> {
    const digests: string[] = [];
    for (const path of this.#outputs) digests.push(await this.artifacts.store(path));
    return digests;
  }

  /** The error in the caller's words: what is said of a local path is said of the field that named its artifact. */
  explained(error: unknown): unknown {
    if (error instanceof InvalidArgument) {
      const violations = error.violations.map((violation) => {
        const origin = this.#origins.get(violation.value);
        return origin === undefined ? violation : { ...violation, field: origin.field, value: origin.digest };
      });
      return new InvalidArgument(violations, { cause: error });
    }
    return error;
  }
}
