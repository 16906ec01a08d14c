import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

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
  beforeEach(async () => {
    place = await Workplace.create();
  });
  afterEach(async () => place[Symbol.asyncDispose]());

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

  it('is not needed to stop what a killed command started; its run goes on with the next command, which says so', async () => {
    const command = place.start(...LONG);
    const id = (await command.said(/^run (\S+)$/m))[1] ?? '';
    await command.said(/attack: \d+ %/);
    command.signal('SIGKILL');
    await command.ended();
    await place.assertNothingRuns(60_000);
    const next = place.start('attack', '--network', SAMPLE.network, '--data', SAMPLE.data, '--limit', '4', '--restarts', '1');
    await next.said(new RegExp(`run ${id} \\(attack\\) of another command is in progress too`));
    next.signal('SIGINT');
    assert.equal((await next.ended()).code, 130);
  });
});

describe('A closed pipe', () => {
  it('ends the command without a word', async () => {
    await using place = await Workplace.create();
    const command = place.start('criticality', '--help');
    command.stopReading();
    assert.equal((await command.ended()).stderr, '');
  });
});
