import type { Progress } from '@rift/contracts';

/** Shortest time between two progress events of a stage. */
const INTERVAL_MS = 500;

interface Part {
  readonly weight: number;
  /** Share done, 0 to 1. */
  share: number;
  /** Known before this execution: says nothing about speed. */
  known: boolean;
  metrics: Readonly<Record<string, number>>;
}

/**
 * The progress of a stage, put together from its units'. A stage of one unit shows the worker's own progress; one of several counts
 * in the stage's unit. Events are thinned to two a second, and a slow database makes them fewer still.
 */
export class StageProgress {
  readonly #parts: Part[];
  readonly #since = performance.now();
  #single: Progress | undefined;
  #phase = '';
  #pending = false;
  #writing: Promise<void> | undefined;
  #lastWrite = -INTERVAL_MS;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /**
   * @param unit what is counted.
   * @param weights share of each unit, in the stage's unit.
   * @param write stores a progress; its failures are the writer's to report.
   */
  constructor(
    private readonly unit: string,
    weights: readonly number[],
    private readonly write: (progress: Progress) => Promise<void>,
  ) {
    this.#parts = weights.map((weight) => ({ weight, share: 0, known: false, metrics: {} }));
  }

  /** Takes what a worker says about the unit. */
  update(index: number, progress: Progress): void {
    const part = this.#parts[index];
    if (!part) return;
    part.share = progress.total > 0 ? Math.min(1, progress.done / progress.total) : 0;
    part.metrics = progress.metrics;
    this.#phase = progress.phase;
    if (this.#parts.length === 1) this.#single = progress;
    this.#schedule();
  }

  /** The unit is finished. @param known whether its result was there before. */
  finish(index: number, known: boolean): void {
    const part = this.#parts[index];
    if (!part) return;
    part.share = 1;
    part.known = known;
    this.#schedule();
  }

  /** The progress as it stands. */
  current(): Progress {
    const elapsedSeconds = (performance.now() - this.#since) / 1000;
    if (this.#single && this.#parts[0]?.share !== 1) return { ...this.#single, elapsedSeconds };
    const total = sum(this.#parts.map((part) => part.weight));
    const done = sum(this.#parts.map((part) => part.weight * part.share));
    const known = sum(this.#parts.map((part) => (part.known ? part.weight : 0)));
    const worked = done - known;
    return {
      phase: this.#phase,
      done: Math.floor(done + 1e-9),
      total,
      unit: this.unit,
      metrics: this.#metrics(),
      elapsedSeconds,
      remainingSeconds: worked > 0 ? (elapsedSeconds * (total - done)) / worked : -1,
    };
  }

  /** Ends the writing; waits for the write in progress. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#writing;
  }

  /** Means over the units that know the figure, weighted by the work behind it. */
  #metrics(): Record<string, number> {
    const totals = new Map<string, { weight: number; value: number }>();
    for (const part of this.#parts) {
      const weight = part.weight * part.share;
      for (const [name, value] of Object.entries(part.metrics)) {
        const total = totals.get(name) ?? { weight: 0, value: 0 };
        totals.set(name, { weight: total.weight + weight, value: total.value + weight * value });
      }
    }
    return Object.fromEntries([...totals].flatMap(([name, { weight, value }]) => (weight > 0 ? [[name, value / weight]] : [])));
  }

  #schedule(): void {
    this.#pending = true;
    if (this.#closed || this.#writing || this.#timer) return;
    const wait = Math.max(0, this.#lastWrite + INTERVAL_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#flush();
    }, wait);
  }

  async #flush(): Promise<void> {
    this.#pending = false;
    this.#lastWrite = performance.now();
    await this.write(this.current());
    this.#writing = undefined;
    if (this.#pending) this.#schedule();
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
