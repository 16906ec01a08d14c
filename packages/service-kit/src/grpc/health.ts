import { type Server, type ServerWritableStream, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { type Readiness } from '../readiness.js';

/**
 * grpc.health.v1 of a server: "" says that the process lives, the name of a service that it can do work now.
 * Watchers are let go when the server drains; otherwise they would hold its shutdown up.
 */
export class Health {
  readonly #implementation: HealthImplementation;
  readonly #watchers = new Set<ServerWritableStream<unknown, unknown>>();

  constructor(services: readonly string[], readiness: Readiness) {
    this.#implementation = new HealthImplementation({ '': 'SERVING' });
    readiness.onChange((ready) => {
      for (const service of services) this.#implementation.setStatus(service, ready ? 'SERVING' : 'NOT_SERVING');
    });
  }

  addTo(server: Server): void {
    this.#implementation.addToServer({
      addService: (definition, implementation) => {
        const methods = { ...implementation } as UntypedServiceImplementation;
        const watch = methods['watch'] as (call: ServerWritableStream<unknown, unknown>) => void;
        methods['watch'] = (call: ServerWritableStream<unknown, unknown>) => {
          this.#watchers.add(call);
          call.once('cancelled', () => this.#watchers.delete(call));
          watch(call);
        };
        server.addService(definition, methods);
      },
    });
  }

  /** Ends the open Watch calls; their last message said NOT_SERVING. */
  release(): void {
    for (const call of this.#watchers) call.end();
    this.#watchers.clear();
  }
}
