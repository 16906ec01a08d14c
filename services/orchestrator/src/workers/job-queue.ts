/** What decides whose turn it is. */
export interface Queued {
  /** Higher goes first. */
  readonly priority: number;
  /** Jobs of one owner share their turns; equal priorities take turns between owners. */
  readonly owner: string;
  /** Among an owner's jobs of equal priority, the lowest goes first. */
  readonly order: number;
}

/** An owner's share of the workers. */
interface Share {
  running: number;
  /** When one of its jobs was started last, in starts of all owners. */
  lastStart: number;
  waiting: number;
}

/**
 * Jobs that wait for workers. Of equal priority, the owner with the fewest running jobs is next, and among those the one whose last start
 * is longest ago: a run of many units leaves a short one its turn.
 */
export class JobQueue<T extends Queued> {
  /** By falling priority, then rising order. */
  readonly #jobs: T[] = [];
  readonly #shares = new Map<string, Share>();
  #starts = 0;

  get length(): number {
    return this.#jobs.length;
  }

  add(job: T): void {
    const place = this.#jobs.findIndex(
      (other) => other.priority < job.priority || (other.priority === job.priority && other.order > job.order),
    );
    this.#jobs.splice(place < 0 ? this.#jobs.length : place, 0, job);
    this.#shareOf(job.owner).waiting += 1;
  }

  /** Takes a job out that nobody waits for any more. @returns whether it was waiting */
  remove(job: T): boolean {
    const place = this.#jobs.indexOf(job);
    if (place < 0) return false;
    this.#jobs.splice(place, 1);
    this.#change(job.owner, { waiting: -1 });
    return true;
  }

  /** The job whose turn it is; it stays in the queue. */
  peek(): T | undefined {
    const [first] = this.#jobs;
    let best = first;
    let share = first && this.#shareOf(first.owner);
    const seen = new Set<string>();
    for (const job of this.#jobs) {
      if (!best || !share || job.priority < best.priority) break;
      if (seen.has(job.owner)) continue;
      seen.add(job.owner);
      const other = this.#shareOf(job.owner);
      if (other.running < share.running || (other.running === share.running && other.lastStart < share.lastStart)) {
        best = job;
        share = other;
      }
      if (seen.size === this.#shares.size) break;
    }
    return best;
  }

  /** Takes a job out to be started; ended() has to follow. */
  start(job: T): void {
    this.remove(job);
    this.#starts += 1;
    Object.assign(this.#shareOf(job.owner), { lastStart: this.#starts });
    this.#change(job.owner, { running: 1 });
  }

  /** Tells that a started job runs no more, whatever came of it. */
  ended(job: Queued): void {
    this.#change(job.owner, { running: -1 });
  }

  /** Empties the queue. */
  takeAll(): T[] {
    const all = [...this.#jobs];
    for (const job of all) this.remove(job);
    return all;
  }

  #shareOf(owner: string): Share {
    let share = this.#shares.get(owner);
    if (!share) this.#shares.set(owner, (share = { running: 0, lastStart: 0, waiting: 0 }));
    return share;
  }

  #change(owner: string, { running = 0, waiting = 0 }: { running?: number; waiting?: number }): void {
    const share = this.#shareOf(owner);
    share.running += running;
    share.waiting += waiting;
  }

  /** Forgets owners who have neither waiting nor running jobs. */
  prune(): void {
    for (const [owner, { running, waiting }] of this.#shares) if (running + waiting === 0) this.#shares.delete(owner);
  }
}
