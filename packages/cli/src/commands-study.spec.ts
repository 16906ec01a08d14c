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
