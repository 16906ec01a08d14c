import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';

import { Output } from './output.js';
import { table, type Column } from './table.js';

const COLUMNS: readonly Column[] = [
  { title: 'run', whole: true },
  { title: 'name' },
  { title: 'created', optional: true },
  { title: 'accuracy', right: true },
];
const ROWS = [
  ['7fec440f-bff7', 'a rather long name of a run', '2026-11-24 04:10', '81.46 %'],
  ['8fec440f-bff7', 'short', '2026-11-24 05:10', '9.10 %'],
];
const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

describe('a table', () => {
  it('is as wide as its content where there is room', () => {
    const text = table(COLUMNS, ROWS);
    assert.ok(text.includes('a rather long name of a run') && text.includes('2026-11-24 04:10'));
  });

  it('first leaves optional columns out', () => {
    const text = table(COLUMNS, ROWS, 60);
    assert.ok(widest(text) <= 60, text);
    assert.ok(!text.includes('created') && text.includes('a rather long name of a run'));
  });

  it('then cuts text, and never an identifier or a number', () => {
    const text = table(COLUMNS, ROWS, 40);
    assert.ok(widest(text) <= 40, text);
    assert.ok(text.includes('a rather …') || text.includes('a rathe…') || /a rat.*…/.test(text), text);
    assert.ok(text.includes('7fec440f-bff7') && text.includes('81.46 %'));
  });

  it('is left to wrap where not even that fits', () => {
    const text = table(COLUMNS, ROWS, 10);
    assert.ok(text.includes('7fec440f-bff7') && text.includes('81.46 %'));
  });
});

describe('results', () => {
  const columnsGiven = (isTTY: boolean): number => {
    const stdout = Object.assign(new Writable({ write: (_, __, done) => done() }), { isTTY, columns: 72 });
    let given = 0;
    const output = new Output({ stdout, stderr: new Writable(), json: false, quiet: false, color: false });
    output.result({}, (columns) => String((given = columns)));
    return given;
  };

  it('fit the terminal, and are whole where they are piped', () => {
    assert.equal(columnsGiven(true), 72);
    assert.equal(columnsGiven(false), Number.POSITIVE_INFINITY);
  });
});
