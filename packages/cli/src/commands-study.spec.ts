import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { CliFixture } from './testing/fixture.js';
import { attackResult, documentOf } from './testing/run-cli.js';

describe('rift study', () => {
  const cli = new CliFixture();
  const study = (...more: string[]) =>
    cli.run('study', 'table3', '--cifar10', 'pictures', '--network', 'net', '-o', cli.path('out'), '--json', ...more);
  const created = () =>
    cli.fake.calls.filter(({ method }) => method === 'CreateRun').map(({ request }) => request as { requestId: string });

  it('runs every row, writes data and table, and prints the data', async () => {
    cli.fake.resultsOf = () => ({ before: attackResult(40), after: attackResult(42) });
    const result = await study();
    assert.equal(result.code, 0, result.stderr);
    const document = documentOf(result) as { rows: { row: string; published: object | null }[]; cells: unknown[] };
    assert.deepEqual(
      document.rows.map(({ row }) => row),
      ['all', 'last', 'most', 'least'],
    );
    const text = await readFile(cli.path('out/table3.md'), 'utf8');
    assert.match(text, /\| All layers \| before \| 80\.00 \[/);
    assert.match(text, /\+2\.00 \[/);
    const data = JSON.parse(await readFile(cli.path('out/table3.json'), 'utf8')) as { schema: string; cells: unknown[] };
    assert.deepEqual([data.schema, data.cells.length], ['rift.study/1', 4]);
  });

  it('asks for the same runs when it is started again', async () => {
    cli.fake.resultsOf = () => ({ before: attackResult(40), after: attackResult(42) });
    await study('--rows', 'least,most');
    await study('--rows', 'least,most');
    const requests = created().map(({ requestId }) => requestId);
    assert.equal(requests.length, 4);
    assert.deepEqual(requests.slice(0, 2), requests.slice(2));
    assert.notEqual(requests[0], requests[1]);
  });

  it('goes on with a run that was stopped, and leaves one alone that is done', async () => {
    const resumed = () =>
      cli.fake.calls.filter(({ method }) => method === 'ResumeRun').map(({ request }) => (request as { id: string }).id);
    cli.fake.finalState = 'RUN_STATE_FAILED';
    assert.equal((await study('--rows', 'least')).code, 1);
    const [id] = cli.fake.runs.keys();
    cli.fake.finalState = 'RUN_STATE_SUCCEEDED';
    cli.fake.resultsOf = () => ({ before: attackResult(40), after: attackResult(42) });
    cli.fake.calls.length = 0;
    const again = await study('--rows', 'least');
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(resumed(), [id]);
    assert.equal((await study('--rows', 'least')).code, 0);
    assert.deepEqual(resumed(), [id]);
    assert.equal(cli.fake.runs.size, 1);
  });

  it('cuts the plan down to the scale, under what is said besides, and repeats both in its command', async () => {
    cli.fake.resultsOf = () => ({ before: attackResult(40), after: attackResult(42) });
    const facts = () => {
      const of = (id: string) => cli.plan().stages.find((stage) => stage.id === id);
      const { epochs, batchNorm } = of('fine-tune')?.fineTune?.spec ?? {};
      const { alphas, margin } = of('interpolate')?.interpolate?.spec ?? {};
      return [epochs, batchNorm, alphas, margin, of('before')?.evaluate?.data?.limit, of('before-corruptions')?.evaluate?.data?.limit];
    };
    await study('--rows', 'least', '--scale', 'tiny');
    assert.deepEqual(facts(), [1, 'BATCH_NORM_MODE_TRACK', [0, 0.5, 1], 0.001, 100, 20]);
    assert.deepEqual(cli.created().settings?.limits, { criticality: 100, train: 200, selection: 100, test: 100, corruption: 20 });
    const said = '--epochs 2 --batch-norm freeze --alphas 0,0.3,1 --margin 0.02 --sweep-lr 0.001,0.01 --sweep-epochs 3';
    const document = documentOf(await study('--rows', 'least', '--scale', 'tiny', ...said.split(' ')));
    assert.deepEqual(facts(), [2, 'BATCH_NORM_MODE_FREEZE', [0, 0.3, 1], 0.02, 100, 20]);
    assert.match(String(document['command']), /--scale tiny/);
    for (const flag of said.split(/ (?=--)/)) assert.ok(String(document['command']).includes(` ${flag}`), flag);
    await study('--rows', 'least', '--scale', 'paper');
    assert.deepEqual(facts(), [10, 'BATCH_NORM_MODE_TRACK', [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1], 0.001, 200, 200]);
  });

  it('goes on after a row that failed, writes why, and ends with exit code 1', async () => {
    cli.fake.finalState = 'RUN_STATE_FAILED';
    const result = await study('--rows', 'least,most');
    assert.equal(result.code, 1);
    assert.equal(created().length, 2);
    assert.match(await readFile(cli.path('out/table3.md'), 'utf8'), /Robust-critical \| failed: /);
  });

  it('refuses a study without its data, and rows that it lacks', async () => {
    assert.equal((await cli.run('study', 'table1')).code, 2);
    assert.equal((await cli.run('study', 'table5', '--cifar10', 'pictures')).code, 2);
    const wrong = await study('--rows', 'lest');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /is not known/);
  });
});
