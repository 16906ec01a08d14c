import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ResourceExhausted } from '@rift/service-kit';

import { Admission, Lane } from './admission.js';

function retryMs(attempt: () => unknown): number | undefined {
  try {
    attempt();
  } catch (error) {
    assert.ok(error instanceof ResourceExhausted);
    return error.retryAfterMs;
  }
  return assert.fail('was admitted');
}

describe('Admission', () => {
  it('admits one job and refuses the next by name until it is released', () => {
    const sut = new Admission();
    const lease = sut.job('craft');
    assert.throws(() => sut.job('evaluate'), /device is exhausted: it runs craft/);
    lease.release();
    assert.doesNotThrow(() => sut.job('evaluate'));
  });

  it('tells the refused when to come back, between 1 and 30 seconds', () => {
    const sut = new Admission();
    const lease = sut.job('train');
    assert.equal(
      retryMs(() => sut.job('craft')),
      1000,
    );
    lease.estimate(12.5);
    assert.equal(
      retryMs(() => sut.job('craft')),
      12_500,
    );
    lease.estimate(4000);
    assert.equal(
      retryMs(() => sut.job('craft')),
      30_000,
    );
    lease.estimate(0);
    assert.equal(
      retryMs(() => sut.job('craft')),
      1000,
    );
  });

  it('lets streams share the device up to their limit, and no job beside them', () => {
    const sut = new Admission(2);
    const first = sut.stream();
    const second = sut.stream();
    assert.throws(() => sut.stream(), /2 online streams are open, which is the most/);
    assert.throws(() => sut.job('craft'), /2 online streams are open/);
    first.release();
    second.release();
    assert.doesNotThrow(() => sut.job('craft'));
  });

  it('refuses a stream while a job runs', () => {
    const sut = new Admission();
    sut.job('craft');
    assert.throws(() => sut.stream(), /it runs craft/);
  });

  it('counts a lease that is released twice once', () => {
    const sut = new Admission(2);
    const first = sut.stream();
    sut.stream();
    first.release();
    first.release();
    assert.equal(sut.busy, true);
    sut.stream();
    assert.throws(() => sut.stream(), ResourceExhausted);
  });

  it('is not freed by the late release of an earlier job', () => {
    const sut = new Admission();
    const first = sut.job('craft');
    first.release();
    sut.job('evaluate');
    first.release();
    assert.throws(() => sut.job('craft'), /it runs evaluate/);
  });
});

describe('Lane', () => {
  it('admits as many as it is wide and takes the next when one ends', () => {
    const sut = new Lane('conversions', 2);
    const first = sut.job();
    sut.job();
    assert.throws(() => sut.job(), /conversions is exhausted: 2 are under way/);
    first.release();
    first.release();
    sut.job();
    assert.throws(() => sut.job(), ResourceExhausted);
  });
});
