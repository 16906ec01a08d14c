import type { Progress } from '@rift/contracts';
import { Counter, Gauge, Histogram, type Metrics } from '@rift/service-kit';

/** How a job ended, for the metrics. */
export type JobEnd = 'done' | 'cancelled' | 'failed' | 'refused';

/** What can be seen of the jobs of a worker. */
export class JobMetrics {
  readonly #ended: Counter<'kind' | 'end'>;
  readonly #seconds: Histogram<'kind'>;
  readonly #running: Gauge<'kind'>;
  readonly #rate: Gauge<'kind'>;
  readonly #images: Counter<'kind'>;
  /** Images of the running job that were counted already. */
  readonly #counted = new Map<string, number>();

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
    const labelNames = ['kind'] as const;
    this.#images = new Counter({ name: 'rift_images_total', help: 'Images that jobs went through', labelNames, registers });
    this.#rate = new Gauge({
      name: 'rift_images_per_second',
      help: 'Images per second of the running job since it began; 0 while none runs',
      labelNames,
      registers,
    });
  }

  began(kind: string): void {
    this.#running.inc({ kind });
  }

  /** Takes what a job says of itself; jobs that do not count images have no rate. */
  progressed(kind: string, { unit, done, elapsedSeconds }: Pick<Progress, 'unit' | 'done' | 'elapsedSeconds'>): void {
    if (unit !== 'images') return;
    const before = this.#counted.get(kind) ?? 0;
    if (done > before) this.#images.inc({ kind }, done - before);
    this.#counted.set(kind, Math.max(done, before));
    if (elapsedSeconds > 0) this.#rate.set({ kind }, done / elapsedSeconds);
  }

  ended(kind: string, end: Exclude<JobEnd, 'refused'>, seconds: number): void {
    this.#running.dec({ kind });
    this.#counted.delete(kind);
    this.#rate.set({ kind }, 0);
    this.#ended.inc({ kind, end });
    if (end === 'done') this.#seconds.observe({ kind }, seconds);
  }

  refused(kind: string): void {
    this.#ended.inc({ kind, end: 'refused' });
  }
}
