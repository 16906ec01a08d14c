// Kills the real services and their database at random moments of a run with the real engine, and compares what comes out with a run
// that nobody disturbed. `npm run test:faults` kills 50 times; without it a few kills show that the test itself works.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import type { WatchRunResponse } from '@rift/contracts';
import { startEmbeddedPostgres } from '@rift/orchestrator/postgres';
import pg from 'pg';

import { FaultStack, type JobEvent } from '../support/fault-stack.js';
import { generatorOf } from '../support/mutate.js';
import { hashOf, resultsOf, smallRun } from '../support/small-run.js';

const KILLS = Number(process.env['RIFT_FAULT_KILLS'] ?? 6);
const SEED = process.env['RIFT_FAULT_SEED'] ?? '1';
const SHORTEST_MS = 200;
const LONGEST_MS = 3_000;
/** Longest time that a run may take, however often it is hit. */
const PATIENCE_MS = 240_000;

/** Work that was begun again although its result was kept already. */
async function repetitions(stack: FaultStack): Promise<{ kept: number; begun: number; repeated: JobEvent[] }> {
  const { url } = await startEmbeddedPostgres(stack.postgresFolder);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ work_key: string; created_at: Date }>('SELECT work_key, created_at FROM results');
    const keptAt = new Map(rows.map((row) => [row.work_key, row.created_at.getTime()]));
    const begun = stack.jobs.filter(({ what }) => what === 'began');
    return { kept: keptAt.size, begun: begun.length, repeated: begun.filter(({ workKey, at }) => at > (keptAt.get(workKey) ?? Infinity)) };
  } finally {
    await client.end();
  }
}

/** Follows the fine-tuning: an epoch that ended must not be computed again. */
class EpochWatch {
  readonly lost: string[] = [];
  #furthest = 0;

  constructor(private readonly epochs: number) {}

  take({ stage }: WatchRunResponse): void {
    if (stage?.id !== 'fine-tune' || !stage.progress || stage.progress.total === 0 || stage.state !== 'RUN_STATE_RUNNING') return;
    const { done, total, unit } = stage.progress;
    // In epochs, since progress is told in batches while they run and in epochs once they are read from a checkpoint.
    const at = (done / total) * this.epochs;
    // The checkpoint of an epoch is written after the event of its last step.
    const safe = Math.max(0, Math.ceil(this.#furthest) - 1);
    if (done > 0 && at < safe) this.lost.push(`fine-tuning went back from epoch ${this.#furthest} to ${done} of ${total} ${unit}`);
    this.#furthest = Math.max(this.#furthest, at);
  }
}

describe('a run whose processes are killed at random moments', () => {
  it(`ends by itself with the bytes of an undisturbed run, and repeats no finished unit (${KILLS} kills)`, async (t) => {
    await using stack = await FaultStack.start();
    const random = generatorOf(SEED);
    const { client, victims } = stack;
    const { settings, plan } = await smallRun(client);
    const epochs = plan.stages.find((stage) => stage.fineTune)?.fineTune?.spec?.epochs ?? 1;

    const since = performance.now();
    const undisturbed = await client.runs.waitFor((await client.runs.create({ name: 'undisturbed', settings, plan })).id);
    assert.equal(undisturbed.state, 'RUN_STATE_SUCCEEDED', undisturbed.failure?.message);
    const expected = resultsOf(undisturbed);
    t.diagnostic(`undisturbed: ${((performance.now() - since) / 1000).toFixed(1)} s, results ${hashOf(expected)}, seed ${SEED}`);

    const hits = new Map<string, number>();
    let kills = 0;
    for (let round = 1; kills < KILLS; round += 1) {
      const began = performance.now();
      const watch = new EpochWatch(epochs);
      const { id } = await client.runs.create({ name: `round ${round}`, settings, plan }, { timeoutMs: PATIENCE_MS });
      const over = new AbortController();
      const ended = client.runs
        .waitFor(id, { patienceMs: PATIENCE_MS, signal: AbortSignal.timeout(PATIENCE_MS), onEvent: (event) => watch.take(event) })
        .finally(() => over.abort());
      const story: string[] = [];
      while (kills < KILLS && !over.signal.aborted) {
        await sleep(SHORTEST_MS + random(LONGEST_MS - SHORTEST_MS), undefined, { signal: over.signal }).catch(() => undefined);
        if (over.signal.aborted) break;
        const victim = victims[random(victims.length)] ?? 'everything';
        if (!(await stack.kill(victim))) continue;
        kills += 1;
        hits.set(victim, (hits.get(victim) ?? 0) + 1);
        story.push(`${((performance.now() - began) / 1000).toFixed(1)} s ${victim}`);
      }
      const run = await ended.catch((error: unknown) => {
        throw new Error(`round ${round} did not end; the log ends with\n${stack.log.slice(-60).join('\n')}`, { cause: error });
      });
      const found = resultsOf(run);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      t.diagnostic(`round ${round}: killed at ${story.join(', ')}; ended after ${seconds} s, results ${hashOf(found)}`);
      assert.equal(run.state, 'RUN_STATE_SUCCEEDED', run.failure?.message);
      assert.equal(found, expected);
      assert.deepEqual(watch.lost, []);
    }

    const { kept, begun, repeated } = await repetitions(stack);
    const counts = [...hits].map(([victim, count]) => `${victim} ${count}`).join(', ');
    t.diagnostic(`${kills} kills (${counts}); ${kept} units kept, ${begun} begun, ${repeated.length} repeated`);
    assert.deepEqual(repeated, []);
  });
});
