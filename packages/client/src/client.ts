import { Peer, type PeerOptions } from '@rift/service-kit/client';

import { Artifacts } from './artifacts.js';
import { Catalog } from './catalog.js';
import { Runs } from './runs.js';

/** A client of one orchestrator, for the life of a process; make one and share it. */
export class RiftClient implements Disposable {
  readonly runs: Runs;
  readonly catalog: Catalog;
  readonly artifacts: Artifacts;
  readonly #peer: Peer;

  /**
   * @param target HOST:PORT, or a full gRPC target
   * @param options credentials and token; plain text without a token by default
   */
  constructor(
    readonly target: string,
    options: PeerOptions = {},
  ) {
    this.#peer = new Peer(target, options);
    this.runs = new Runs(this.#peer);
    this.catalog = new Catalog(this.#peer);
    this.artifacts = new Artifacts(this.#peer);
  }

  /** Resolves when a connection stands. @throws Unavailable when none does within the time */
  ready(timeoutMs: number): Promise<void> {
    return this.#peer.ready(timeoutMs);
  }

  /** Closes the connection; open calls fail. */
  close(): void {
    this.#peer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
