import { rm } from 'node:fs/promises';

import type { ArtifactStore } from '@rift/artifacts';
import type { DataSelection, NetworkRef } from '@rift/contracts';
import type { DataFile, NetworkFile } from '@rift/core';
import { InvalidArgument, NotFound } from '@rift/service-kit';

import type { Scratch } from './scratch.js';

/** The artifacts that a request names, as local files. */
export class InputFiles {
  /** Which field of the request named the artifact at a local path. */
  readonly #origins = new Map<string, { field: string; digest: string }>();

  /** Field of which is said what the engine says of a file that is no artifact. */
  #foreignField: string | undefined;

  constructor(protected readonly store: ArtifactStore) {}

  /** Names the field that brought in files which are no artifacts, or an artifact that the engine knows by another name. */
  foreign(field: string): void {
    this.#foreignField = field;
  }

  /**
   * Local path of an artifact.
   * @param field path of the field that names it, for errors
   * @throws NotFound naming the field
   */
  async artifact(field: string, digest: string): Promise<string> {
    try {
      const path = await this.store.open(digest);
      this.#origins.set(path, { field, digest });
      return path;
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      throw new NotFound('artifact', digest, `${field} names it; upload or import it first`, { cause: error });
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

  /** The error in the caller's words: what is said of a local path is said of the field that named its artifact. */
  explained(error: unknown): unknown {
    if (!(error instanceof InvalidArgument)) return error;
    const violations = error.violations.map((violation) => {
      const origin = this.#origins.get(violation.value);
      if (origin !== undefined) return { ...violation, field: origin.field, value: origin.digest };
      return violation.field === 'file' && this.#foreignField !== undefined ? { ...violation, field: this.#foreignField } : violation;
    });
    return new InvalidArgument(violations, { cause: error });
  }
}

/** The files of one job: artifacts on the way in, outputs on the way out. */
export class JobFiles extends InputFiles {
  readonly #outputs: string[] = [];

  constructor(
    store: ArtifactStore,
    private readonly scratch: Scratch,
  ) {
    super(store);
  }

  /** A path for the job to write an artifact to; it goes into the store when the job is done. */
  async output(): Promise<string> {
    const path = await this.store.scratchPath();
    this.#outputs.push(path);
    return path;
  }

  /** A path in the scratch folder, for files that are nobody's result as they are. */
  workPath(): string {
    return this.scratch.path();
  }

  /** Where the job keeps its checkpoint; null for work that is not resumed. */
  get checkpoint(): string | null {
    return this.scratch.checkpoint;
  }

  /** Puts a finished file into the store, which may move it away; returns its digest. */
  async adopt(path: string): Promise<string> {
    return (await this.store.adoptFile(path)).digest;
  }

  /** Adopts every output; digests in the order they were asked for. */
  async adoptOutputs(): Promise<string[]> {
    const digests: string[] = [];
    for (const path of this.#outputs) digests.push(await this.adopt(path));
    return digests;
  }

  /** Removes the outputs that were not adopted. */
  async discard(): Promise<void> {
    for (const path of this.#outputs) await rm(path, { force: true });
  }
}
