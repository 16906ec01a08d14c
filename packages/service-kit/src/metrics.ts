import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800, 7200];

/** The metrics every gRPC service has, in a registry of its own that services add theirs to. */
export class Metrics {
  readonly registry = new Registry();
  readonly handled = new Counter({
    name: 'grpc_server_handled_total',
    help: 'Calls ended, by method and status code',
    labelNames: ['method', 'code'] as const,
    registers: [this.registry],
  });
  readonly seconds = new Histogram({
    name: 'grpc_server_handling_seconds',
    help: 'Time from the first byte of a call to its status',
    labelNames: ['method'] as const,
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly open = new Gauge({
    name: 'grpc_server_open_calls',
    help: 'Calls in progress',
    labelNames: ['method'] as const,
    registers: [this.registry],
  });

  /** Also collects what Node tells of its process: memory, event loop, garbage collection. */
  withProcessMetrics(): this {
    collectDefaultMetrics({ register: this.registry });
    return this;
  }
}
