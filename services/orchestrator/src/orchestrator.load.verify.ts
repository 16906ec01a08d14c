import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Harness } from './testing/harness.js';
import { faultsOf, follow } from './testing/readers.js';

const RUNS = 10;
const READERS = 40;

describe('an orchestrator under load', () => {
  it('loses no event to many readers of many runs, some of which are slow or break off and come back', async () => {
    const harness = await Harness.start(4);
    try {
      const runs = await Promise.all(Array.from({ length: RUNS }, (_, index) => harness.create({ seed: 900 + index })));
      const readers = Array.from({ length: READERS }, async (_, index) => {
        const id = runs[index % RUNS]?.id ?? '';
        const habits = { breaksAfter: index % 3 === 0 ? 3 : 0, pauseMs: index % 5 === 0 ? 40 : 0 };
        return { id, seen: await follow(harness, id, habits) };
      });
      const logs = new Map<string, Awaited<ReturnType<typeof follow>>>();
      for (const { id, seen } of await Promise.all(readers)) {
        if (!logs.has(id)) logs.set(id, await follow(harness, id, { breaksAfter: 0, pauseMs: 0 }));
        assert.deepEqual(
          faultsOf(
            seen,
            (logs.get(id) ?? []).filter((event) => event.event !== 'stage' || event.stage?.state !== 'RUN_STATE_RUNNING'),
          ),
          [],
        );
        assert.equal(seen.at(-1)?.runState, 'RUN_STATE_SUCCEEDED');
      }
    } finally {
      await harness.close();
    }
  });
});
