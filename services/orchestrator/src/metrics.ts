import { Counter, Gauge, Histogram, Metrics, certificateMetric } from '@rift/service-kit';

/** How a run ended, as stored. */
type RunEnd = 'SUCCEEDED' | 'FAILED' | 'STOPPED';

/** What the figures are read from at every scrape. */
export interface MeasuredParts {
  readonly pools: Readonly<Record<string, { readonly waiting: number; readonly running: number }>>;
  /** Runs that are being executed here. */
  readonly executing: () => number;
}

/** What can be seen of the work of an orchestrator. */
export class OrchestratorMetrics extends Metrics {
  readonly #runs = new Counter({
    name: 'rift_runs_ended_total',
    help: 'Runs that this orchestrator executed to their end, by state; STOPPED ones were cancelled or taken over',
    labelNames: ['state'] as const,
    registers: [this.registry],
  });
  readonly #stages = new Histogram({
    name: 'rift_stage_seconds',
    help: 'Seconds that stages took, by kind and how they ended',
    labelNames: ['kind', 'end'] as const,
    buckets: [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400],
    registers: [this.registry],
  });

  /** @param certificate PEM file of the own certificate */
  constructor(certificate: string | undefined) {
    super();
    this.withProcessMetrics();
    if (certificate !== undefined) certificateMetric(this.registry, certificate);
  }

  runEnded(state: RunEnd): void {
    this.#runs.inc({ state });
  }

  stageEnded(kind: string, end: 'succeeded' | 'cached' | 'failed' | 'stopped', seconds: number): void {
    this.#stages.observe({ kind, end }, seconds);
  }

  /** Shows the queues. Units wanted are what scalers go by: as many workers keep all of them going. */
  watch({ pools, executing }: MeasuredParts): void {
    const gauge = (name: string, help: string, value: (pool: { waiting: number; running: number }) => number): void => {
      new Gauge({
        name,
        help,
        labelNames: ['workers'] as const,
        registers: [this.registry],
        collect() {
          for (const [workers, pool] of Object.entries(pools)) this.set({ workers }, value(pool));
        },
      });
    };
    gauge('rift_units_waiting', 'Units of work that wait for a worker', ({ waiting }) => waiting);
    gauge('rift_units_running', 'Units of work on workers', ({ running }) => running);
    gauge('rift_units_wanted', 'Units of work that wait or run', ({ waiting, running }) => waiting + running);
    new Gauge({
      name: 'rift_runs_executing',
      help: 'Runs that this orchestrator executes',
      registers: [this.registry],
      collect() {
        this.set(executing());
      },
    });
  }
}
