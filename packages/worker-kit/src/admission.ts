import { ResourceExhausted } from '@rift/service-kit';

const MIN_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/** The right to use the device; given back once. */
export interface Lease {
  /** Tells how long the work will still take, in seconds; negative while unknown. Others are told when to come back. */
  estimate(remainingSeconds: number): void;
  /** Safe to repeat. */
  release(): void;
}

/** A lease whose end counts once, and of whose length nobody asks. */
function counted(end: () => void): Lease {
  let held = true;
  return {
    estimate: () => undefined,
    release: () => {
      if (held) end();
      held = false;
    },
  };
}

/**
 * Who may use this process's device: one job, or up to `maxStreams` online streams, whose batches take turns. Whoever
 * comes too late is refused at once and told when to try again: a queue here would hide the load from the caller.
 */
export class Admission {
  #job: { what: string; remainingSeconds: number } | undefined;
  #streams = 0;

  constructor(private readonly maxStreams = 4) {}

  /** True while anything holds the device. */
  get busy(): boolean {
    return this.#job !== undefined || this.#streams > 0;
  }

  /**
   * The device for one job.
   * @throws ResourceExhausted while anything else holds it
   */
  job(what: string): Lease {
    this.#refuseWhileJobRuns();
    if (this.#streams > 0) throw new ResourceExhausted('device', `${this.#streams} online streams are open`, MAX_RETRY_MS);
    const job = { what, remainingSeconds: -1 };
    this.#job = job;
    return {
      estimate: (remainingSeconds) => {
        job.remainingSeconds = remainingSeconds;
      },
      release: () => {
        if (this.#job === job) this.#job = undefined;
      },
    };
  }

  /**
   * A share of the device for an online stream.
   * @throws ResourceExhausted while a job runs or too many streams are open
   */
  stream(): Lease {
    this.#refuseWhileJobRuns();
    if (this.#streams >= this.maxStreams) {
      throw new ResourceExhausted('device', `${this.#streams} online streams are open, which is the most at once`, MIN_RETRY_MS);
    }
    this.#streams += 1;
    return counted(() => {
      this.#streams -= 1;
    });
  }

  #refuseWhileJobRuns(): void {
    if (this.#job === undefined) return;
    const { what, remainingSeconds } = this.#job;
    const retryMs = remainingSeconds < 0 ? MIN_RETRY_MS : Math.min(Math.max(remainingSeconds * 1000, MIN_RETRY_MS), MAX_RETRY_MS);
    throw new ResourceExhausted('device', `it runs ${what}`, Math.round(retryMs));
  }
}

/** Admits up to `max` pieces of work at once that do not use the device, such as reading files. */
export class Lane {
  #taken = 0;

  constructor(
    private readonly name: string,
    private readonly max: number,
  ) {}

  /** @throws ResourceExhausted while `max` others are under way */
  job(): Lease {
    if (this.#taken >= this.max)
      throw new ResourceExhausted(this.name, `${this.#taken} are under way, which is the most at once`, MIN_RETRY_MS);
    this.#taken += 1;
    return counted(() => {
      this.#taken -= 1;
    });
  }
}
