import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { SAMPLE, Workplace } from './rift.js';

/** Long enough that nobody waits for its end. */
const LONG = [
  'attack',
  '--network',
  SAMPLE.network,
  '--data',
  SAMPLE.data,
  '--steps',
  '5000',
  '--restarts',
  '20',
  '--to-the-end',
  '--limit',
  '500',
];

describe('Ctrl-C', () => {
  let place: Workplace;
  before(async () => {
    place = await Workplace.create();
  });
  after(async () => place[Symbol.asyncDispose]());

  it('once cancels the run, stops what the command started and ends with 130', async () => {
    const command = place.start(...LONG, '--json');
    await command.said(/attack: \d+ %/);
    const since = Date.now();
    command.signal('SIGINT');
    const { code, stdout, stderr } = await command.ended();
    assert.equal(code, 130, stderr);
    assert.match(stderr, /cancelling run/);
    assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, 'CANCELLED');
    assert.ok(Date.now() - since < 60_000);
    await place.assertNothingRuns();
    const { runs } = await place.json<{ runs: { state: string }[] }>('runs');
    assert.deepEqual(
      runs.map(({ state }) => state),
      ['cancelled'],
    );
  });

  it('twice ends everything at once', async () => {
    const command = place.start(...LONG);
    await command.said(/attack: \d+ %/);
    command.signal('SIGINT');
    await command.said(/cancelling run/);
    command.signal('SIGINT');
    const since = Date.now();
    assert.equal((await command.ended()).code, 130);
    assert.ok(Date.now() - since < 5_000);
    await place.assertNothingRuns();
  });

  it('a command that is killed leaves nothing running either', async () => {
    const command = place.start(...LONG);
    await command.said(/attack: \d+ %/);
    command.signal('SIGKILL');
    await command.ended();
    await place.assertNothingRuns(60_000);
  });
});
