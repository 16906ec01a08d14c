import type { Progress, RunState, StageStatus } from '@rift/contracts';
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';

import { Output } from './output.js';
import { figures, progressView, share } from './progress.js';

class Terminal extends Writable {
  text = '';
  constructor(
    readonly isTTY: boolean,
    readonly columns = 100,
  ) {
    super();
  }
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
  // What a real terminal has and bars use.
  cursorTo(): void {}
  moveCursor(): void {}
  clearLine(): void {}
  clearScreenDown(): void {}
}

const status = (id: string, state: RunState, progress: Partial<Progress> | null = null, extra: Partial<StageStatus> = {}): StageStatus => ({
  ...{ id, state, result: null, partialResult: null, failure: null, cached: false, seconds: 12.3, ...extra },
  progress:
    progress === null
      ? null
      : { phase: 'PGD', done: 10, total: 40, unit: 'images', metrics: {}, elapsedSeconds: 1, remainingSeconds: 30, ...progress },
});

function output(stderr: Terminal, quiet = false): Output {
  return new Output({ stdout: new Terminal(false), stderr, json: false, quiet, color: false });
}

describe('progress without a terminal', () => {
  it('is a line at most every five seconds a stage, with percent, rate unit and time left', () => {
    const stderr = new Terminal(false);
    let now = 0;
    const view = progressView(output(stderr), () => now);
    for (; now < 12_000; now += 1_000) view.update(status('craft', 'RUN_STATE_RUNNING', { metrics: { accuracy: 0.512, loss: 1.23456 } }));
    const lines = stderr.text.trimEnd().split('\n');
    assert.equal(lines.length, 3);
    assert.equal(lines[0], 'adversarial set: 25 %, 10/40 images, PGD, 30 s left, accuracy 51.2 %, loss 1.235');
  });

  it('says once how a stage ended', () => {
    const stderr = new Terminal(false);
    const view = progressView(output(stderr));
    for (let time = 0; time < 3; time += 1) view.update(status('report', 'RUN_STATE_SUCCEEDED'));
    view.update(status('before', 'RUN_STATE_SUCCEEDED', null, { cached: true }));
    view.update(status('after', 'RUN_STATE_CANCELLED'));
    view.update(status('my-stage', 'RUN_STATE_FAILED'));
    view.stop();
    assert.equal(
      stderr.text,
      'report: done in 12 s\naccuracies before: known from an earlier run\naccuracies after: cancelled\nmy-stage: failed\n',
    );
  });

  it('leaves the end of a stage to the line of the log that tells of it', () => {
    const stderr = new Terminal(false);
    const view = progressView(output(stderr));
    view.log('craft: begins on 64 images of val');
    view.update(status('craft', 'RUN_STATE_SUCCEEDED'));
    view.log('craft: done in 12 s: accuracy 81.5 %');
    view.log('cancelled; 1 of 8 stages are done and keep their results');
    view.stop();
    assert.equal(
      stderr.text,
      'adversarial set: begins on 64 images of val\nadversarial set: done in 12 s: accuracy 81.5 %\n' +
        'cancelled; 1 of 8 stages are done and keep their results\n',
    );
  });

  it('is nothing when nobody wants to hear', () => {
    const stderr = new Terminal(true);
    const view = progressView(output(stderr, true));
    view.update(status('craft', 'RUN_STATE_RUNNING', {}));
    view.log('a line');
    assert.equal(stderr.text, '');
  });
});

describe('progress on a terminal', () => {
  it('is a bar a stage with time left, within the width, and a line once it ends', async () => {
    const stderr = new Terminal(true, 100);
    const view = progressView(output(stderr));
    try {
      view.update(status('craft', 'RUN_STATE_RUNNING', { phase: 'a phase with a name that is much too long for a line of this terminal' }));
      await new Promise((resolve) => setTimeout(resolve, 300));
      const bar = stderr.text.split('\u001b[1G').find((line) => line.includes('█')) ?? '';
      // eslint-disable-next-line no-control-regex
      const visible = bar.replace(/\u001b\[[0-9;?]*[a-zA-Z]/g, '');
      assert.match(visible, /adversarial set\s+█+░+ 25 % {2}30 s left {2}a phase.*…/);
      assert.ok(visible.length <= 100, `${visible.length} columns`);
      view.update(status('craft', 'RUN_STATE_SUCCEEDED'));
      view.log('craft: done in 12 s: accuracy 81.5 %');
      await new Promise((resolve) => setTimeout(resolve, 300));
    } finally {
      view.stop();
    }
    assert.match(stderr.text, /✓ adversarial set: done in 12 s: accuracy 81\.5 %/);
  });
});

describe('figures of progress', () => {
  it('are the newest four, accuracies in percent, what was not measured left out', () => {
    assert.equal(
      figures({ a: 1, b: 2, c: 3, learningRate: 0.00012346, selectionAdversarial: -1, accuracy: 0.5 }),
      'b 2, c 3, learning rate 0.0001235, accuracy 50.0 %',
    );
  });

  it('of nothing to do are none', () => {
    assert.equal(share({ done: 0, total: 0 }), 0);
    assert.equal(share({ done: 50, total: 40 }), 1);
  });
});
