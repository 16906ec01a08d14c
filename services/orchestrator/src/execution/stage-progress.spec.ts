import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Progress } from '@rift/contracts';
import { StageProgress } from './stage-progress.js';

function progress(done: number, total: number, metrics: Record<string, number> = {}): Progress {
  return { phase: 'attack', done, total, unit: 'steps', metrics, elapsedSeconds: 1, remainingSeconds: 1 };
}

const ignore = (): Promise<void> => Promise.resolve();

describe('StageProgress', () => {
  it('counts in the stage’s unit, each unit by its weight', () => {
    const stage = new StageProgress('images', [100, 300], ignore);
    stage.update(0, progress(5, 10));
    stage.update(1, progress(1, 3));
    const { done, total, unit } = stage.current();
    assert.deepEqual({ done, total, unit }, { done: 150, total: 400, unit: 'images' });
  });

  it('shows the worker’s own progress where there is one unit', () => {
    const stage = new StageProgress('epochs', [10], ignore);
    stage.update(0, progress(3, 7));
    assert.equal(stage.current().unit, 'steps');
    assert.equal(stage.current().done, 3);
  });

  it('averages figures by the work behind them', () => {
    const stage = new StageProgress('images', [100, 100], ignore);
    stage.update(0, progress(10, 10, { standard: 0.9 }));
    stage.update(1, progress(5, 10, { standard: 0.6 }));
    assert.ok(Math.abs((stage.current().metrics['standard'] ?? 0) - 0.8) < 1e-12);
  });

  it('estimates the time left from what was computed, not from what was known', async () => {
    const stage = new StageProgress('images', [100, 100], ignore);
    stage.finish(0, true);
    assert.equal(stage.current().remainingSeconds, -1);
    await setTimeout(50);
    stage.update(1, progress(1, 2));
    const { remainingSeconds, elapsedSeconds } = stage.current();
    assert.ok(Math.abs(remainingSeconds - elapsedSeconds) < 0.01);
  });

  it('writes one state at a time, the newest, however many come', async () => {
    const written: number[] = [];
    let writing = 0;
    const stage = new StageProgress('images', [1000, 1000], async (state) => {
      writing += 1;
      assert.equal(writing, 1);
      await setTimeout(20);
      written.push(state.done);
      writing -= 1;
    });
    for (let done = 1; done <= 1000; done += 1) stage.update(0, progress(done, 1000));
    await setTimeout(700);
    await stage.close();
    assert.ok(written.length <= 2, `${written.length} writes`);
    assert.equal(written.at(-1), 1000);
  });
});
