import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Cancelled, InvalidArgument, NotFound, ResourceExhausted, Unavailable, createLogger, type Peer } from '@rift/service-kit';
import { WorkerPool, type Job, type PoolOptions } from './worker-pool.js';

const logger = createLogger({ name: 'test', level: 'silent' });

describe('WorkerPool', () => {
  let pool: WorkerPool | undefined;
  afterEach(() => pool?.close());

  function poolWith(changes: Partial<PoolOptions> = {}): WorkerPool {
    pool = new WorkerPool({
      name: 'workers',
      targets: ['127.0.0.1:1'],
      jobsPerWorker: 1,
      maxAttempts: 3,
      unreachableMs: 60_000,
      logger,
      ...changes,
    });
    return pool;
  }

  function job<T>(call: Job<T>['call'], changes: Partial<Job<T>> = {}): Job<T> {
    return { name: 'job', priority: 0, owner: 'run', order: 0, signal: new AbortController().signal, call, ...changes };
  }

  it('gives each worker as many jobs at a time as it takes', async () => {
    const workers = poolWith({ targets: ['127.0.0.1:1', '127.0.0.1:2'], jobsPerWorker: 2 });
    const busy = new Map<Peer, number>();
    let most = 0;
    await Promise.all(
      Array.from({ length: 12 }, () =>
        workers.run(
          job(async (peer) => {
            busy.set(peer, (busy.get(peer) ?? 0) + 1);
            most = Math.max(most, ...busy.values());
            await setTimeout(5);
            busy.set(peer, (busy.get(peer) ?? 0) - 1);
          }),
        ),
      ),
    );
    assert.equal(busy.size, 2);
    assert.equal(most, 2);
  });

  it('takes jobs by priority, equal ones by their order, however they come', async () => {
    const workers = poolWith();
    const order: string[] = [];
    const add = (name: string, priority: number, place: number): Promise<void> =>
      workers.run(
        job(
          async () => {
            order.push(name);
            await setTimeout(2);
          },
          { priority, order: place },
        ),
      );
    await Promise.all([add('c', 0, 3), add('low', -5, 0), add('a', 0, 1), add('b', 0, 2), add('high', 5, 9)]);
    assert.deepEqual(order, ['high', 'a', 'b', 'c', 'low']);
  });

  it('takes turns between runs of equal priority, however many jobs each of them has', async () => {
    const workers = poolWith();
    const order: string[] = [];
    const add = (owner: string, place: number): Promise<void> =>
      workers.run(
        job(
          async () => {
            order.push(`${owner}${place}`);
            await setTimeout(2);
          },
          { owner, order: place },
        ),
      );
    await Promise.all([1, 2, 3, 4].map((place) => add('a', place)).concat([5, 6].map((place) => add('b', place))));
    assert.deepEqual(order, ['a1', 'b5', 'a2', 'b6', 'a3', 'a4']);
  });

  it('shares its workers out evenly between runs', async () => {
    const workers = poolWith({ targets: ['127.0.0.1:1', '127.0.0.1:2'], jobsPerWorker: 2 });
    const running = new Map<string, number>();
    const add = (owner: string, place: number): Promise<void> =>
      workers.run(
        job(
          async () => {
            running.set(owner, (running.get(owner) ?? 0) + 1);
            if (owner === 'late') assert.ok((running.get('early') ?? 0) <= 3);
            await setTimeout(10);
            running.set(owner, (running.get(owner) ?? 0) - 1);
          },
          { owner, order: place },
        ),
      );
    const early = Array.from({ length: 12 }, (_, place) => add('early', place));
    await setTimeout(5);
    assert.equal(running.get('early'), 4);
    const late = Array.from({ length: 4 }, (_, place) => add('late', 100 + place));
    await Promise.all(late);
    assert.ok(workers.waiting >= 2, 'the later run did not wait for the end of the earlier one');
    await Promise.all(early);
  });

  it('is not held up when the system’s clock is set back or forward', async (t) => {
    const workers = poolWith({ unreachableMs: 60_000 });
    const hour = 3_600_000;
    const start = Date.now();
    t.mock.timers.enable({ apis: ['Date'], now: start });
    let asked = 0;
    await workers.run(
      job(async () => {
        asked += 1;
        t.mock.timers.setTime(start + (asked % 2 === 0 ? hour : 0));
        if (asked < 6)
          throw asked % 2 === 0 ? new ResourceExhausted('device', 'a job runs', 1) : new Unavailable('w', 'No connection established');
      }),
    );
    assert.equal(asked, 6);
  });

  it('asks busy workers again for as long as it takes, as the same attempt', async () => {
    let asked = 0;
    const attempts = new Set<number>();
    const value = await poolWith({ maxAttempts: 1 }).run(
      job(async (_, attempt) => {
        attempts.add(attempt);
        asked += 1;
        if (asked < 10) throw new ResourceExhausted('device', 'a job runs', 1);
        return 'done';
      }),
    );
    assert.equal(value, 'done');
    assert.deepEqual([...attempts], [1]);
  });

  it('does not count tries that a worker ended because it is shutting down', async () => {
    let tries = 0;
    const value = await poolWith({ maxAttempts: 1 }).run(
      job(async () => {
        tries += 1;
        if (tries < 5) throw new Unavailable('trainer', 'it is shutting down; the call can be made again');
        return 'done';
      }),
    );
    assert.equal(value, 'done');
  });

  it('makes each address behind a name a worker of its own', async () => {
    const seen = new Set<string>();
    const workers = poolWith({ targets: ['localhost:1'], lookupMs: 20 });
    await setTimeout(100);
    await workers.run(job(async (peer) => void seen.add(peer.target)));
    assert.deepEqual([...seen], ['127.0.0.1:1']);
  });

  it('tries a lost job on another worker first', async () => {
    const seen: string[] = [];
    await poolWith({ targets: ['127.0.0.1:1', '127.0.0.1:2'] }).run(
      job(async (peer) => {
        seen.push(peer.target);
        if (seen.length === 1) throw new Unavailable(peer.target, 'Connection dropped');
      }),
    );
    assert.equal(new Set(seen).size, 2);
  });

  it('gives a job up after its attempts, with the last error', async () => {
    let tries = 0;
    await assert.rejects(
      poolWith().run(
        job(async () => {
          tries += 1;
          throw new Unavailable('worker', `Connection dropped ${tries}`);
        }),
      ),
      /Connection dropped 3/,
    );
  });

  it('does not try again what cannot succeed', async () => {
    let tries = 0;
    await assert.rejects(
      poolWith().run(
        job(async () => {
          tries += 1;
          throw new InvalidArgument('spec', 1, 'must be 2');
        }),
      ),
      InvalidArgument,
    );
    assert.equal(tries, 1);
  });

  it('waits for workers that cannot be reached, and says which when none comes', async () => {
    const since = Date.now();
    await assert.rejects(
      poolWith({ unreachableMs: 400 }).run(
        job(async () => {
          throw new Unavailable('worker', 'No connection established. Last error: refused');
        }),
      ),
      (error) => error instanceof Unavailable && /none of 127.0.0.1:1 answered/.test(error.message),
    );
    assert.ok(Date.now() - since >= 400);
  });

  it('drops a waiting job when its signal fires', async () => {
    const workers = poolWith();
    const controller = new AbortController();
    const running = workers.run(job(() => setTimeout(50)));
    const waiting = workers.run(job(() => Promise.resolve('never'), { signal: controller.signal }));
    controller.abort();
    await assert.rejects(waiting, Cancelled);
    assert.equal(workers.waiting, 0);
    await running;
  });

  it('asks any worker that answers a short question', async () => {
    const workers = poolWith({ targets: ['127.0.0.1:1', '127.0.0.1:2'] });
    const answer = await workers.ask(async (peer) => {
      if (peer.target === '127.0.0.1:1') throw new Unavailable(peer.target, 'gone');
      return peer.target;
    });
    assert.equal(answer, '127.0.0.1:2');
    await assert.rejects(
      workers.ask(() => Promise.reject(new NotFound('network', 'x'))),
      NotFound,
    );
  });
});
