import { Counter, Gauge, Histogram, type Metrics } from '@rift/service-kit';

/** How a job ended, for the metrics. */
export type JobEnd = 'done' | 'cancelled' | 'failed' | 'refused';

/** What can be seen of the jobs of a worker. */
export class JobMetrics {
  readonly #ended: Counter<'kind' | 'end'>;
  readonly #seconds: Histogram<'kind'>;
  readonly #running: Gauge<'kind'>;

  constructor({ registry }: Metrics) {
    const registers = [registry];
    this.#ended = new Counter({ name: 'rift_jobs_total', help: 'Jobs by kind and how they ended', labelNames: ['kind', 'end'], registers });
    this.#running = new Gauge({ name: 'rift_jobs_running', help: 'Jobs on the device now', labelNames: ['kind'], registers });
    this.#seconds = new Histogram({
      name: 'rift_job_seconds',
      help: 'Seconds on the device of jobs that ended well',
      labelNames: ['kind'],
      buckets: [0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 28_800],
      registers,
    });
  }

  began(kind: string): void {
    this.#running.inc({ kind });
  }

  ended(kind: string, end: Exclude<JobEnd, 'refused'>, seconds: number): void {
    this.#running.dec({ kind });
    this.#ended.inc({ kind, end });
    if (end === 'done') this.#seconds.observe({ kind }, seconds);
  }

  refused(kind: string): void {
    this.#ended.inc({ kind, end: 'refused' });
  }
}
