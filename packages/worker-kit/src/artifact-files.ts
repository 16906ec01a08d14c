/** What a worker needs of the artifact store. */
export interface ArtifactFiles {
  /**
   * A local file with the artifact's bytes; fetched first where the store is remote. The file must not be changed.
   * @throws NotFound when the store has no such artifact
   */
  fetch(digest: string, signal: AbortSignal): Promise<string>;
  /** Puts a finished file into the store, which may move it away; returns its digest. */
  store(path: string): Promise<string>;
  /** Rejects when the store cannot be reached. */
  probe(signal: AbortSignal): Promise<void>;
}
