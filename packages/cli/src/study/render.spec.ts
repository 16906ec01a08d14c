import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { cellsOf, combinationsOf, type StudyName } from './cells.js';
import { failedCell, type CellResult } from './collect.js';
import { studyDocument, type StudyDocument } from './document.js';
import { picturesOf } from './pictures.js';
import { studyMarkdown } from './render.js';
import { SIZES } from './sizes.js';

const accuracy = (value: number) => ({ accuracy: value, ci95: [value - 0.02, value + 0.02] as const, correct: 1, total: 2 });

function document(study: StudyName, change: Partial<CellResult>): StudyDocument {
  const cells = cellsOf(combinationsOf(study, 'PROFILE_PAPER'), 1).map((cell): CellResult => {
    return { ...failedCell(cell, 'run', ''), state: 'done', error: null, ...change };
  });
  return studyDocument(
    {
      study,
      scale: 'small',
      size: SIZES.small,
      profile: 'PROFILE_PAPER',
      seeds: 1,
      datasets: { cifar10: 'samples/cifar10' },
      networks: {},
      device: 'auto',
      precision: 'auto',
      endpoint: null,
      command: `rift study ${study} --cifar10 samples/cifar10`,
      version: '0.1.0',
    },
    cells,
    ['cifar100, TRADES: the data set was not given'],
    new Date('2026-03-01T10:00:00Z'),
  );
}

describe('the text of a study', () => {
  it('says machine, size, seeds, profile, command and source, and what was left out', () => {
    const text = studyMarkdown(document('table3', {}), []);
    for (const part of [
      'Profile `paper`',
      'scale `small`',
      '1 seed',
      'Machine:',
      'arXiv:2308.02533',
      'rift study table3',
      'TRADES: the data set was not given',
    ]) {
      assert.ok(text.includes(part), part);
    }
  });

  it('puts each figure with its interval beside the published one', () => {
    const text = studyMarkdown(
      document('table3', {
        before: { standard: accuracy(0.669) },
        after: { standard: accuracy(0.68) },
        change: { standard: { difference: 0.011, ci95: [-0.002, 0.024], p: 0.1 } },
        modules: ['layer2.1.conv2'],
        alpha: 0.6,
      }),
      [],
    );
    assert.match(text, /\| Non-robust-critical \| before \| 66\.90 \[64\.9, 68\.9\] \| – \| – \| 81\.46 \| 73\.56 \| 53\.63 \|/);
    assert.match(text, /\| {2}\| Δ \| \+1\.10 \[-0\.20, \+2\.40\] \| – \| – \| \+1\.98 \| \+2\.13 \| \+0\.02 \|/);
    assert.match(text, /layer2\.1\.conv2 \| 0\.6 \|/);
  });

  it('shows why a row failed in its place', () => {
    const text = studyMarkdown(document('table2', { state: 'failed', error: 'method is MART: not | here' }), []);
    assert.match(text, /\| MART \| failed: method is MART: not \\\| here \|/);
  });

  it('lists the walks of figure 1 and the modules of figure 3 with the paper’s values', () => {
    const path = [0, 0.5, 1].map((alpha) => ({ alpha, standard: accuracy(0.6 + alpha / 10), adversarial: accuracy(0.4) }));
    assert.match(
      studyMarkdown(document('fig1', { path, alpha: 0.5 }), ['fig1.svg']),
      /0\.5 \| 65\.00 \| 40\.00 \| \+5\.00 \| \+0\.00 \| chosen/,
    );
    const module = { name: 'layer2.1.conv2', mrc: 0.12, standardError: 0.01, robustAccuracyDrop: 0.03, perturbationRatio: 0.1, seconds: 2 };
    assert.match(
      studyMarkdown(document('fig3', { criticality: [module] }), []),
      /layer2\.1\.conv2 \| 0\.1200 \| 0\.0100 \| 3\.00 \| 0\.100 \| 0\.09 \| 2\.86/,
    );
  });
});

describe('the pictures of a study', () => {
  it('are one walk per fine-tuning and one row of bars per module', () => {
    const path = [0, 1].map((alpha) => ({ alpha, standard: accuracy(0.6 + alpha / 10), adversarial: accuracy(0.4 - alpha / 50) }));
    const walk = picturesOf(document('fig1', { path, alpha: 1 }))['fig1.svg'] ?? '';
    assert.equal(walk.match(/<polyline/g)?.length, 4);
    assert.equal(walk.match(/r="6"/g)?.length, 4);
    assert.ok(!walk.includes('NaN'));
    const module = (name: string) => ({ name, mrc: 1, standardError: 0, robustAccuracyDrop: 0.1, perturbationRatio: 0.1, seconds: 1 });
    const bars = picturesOf(document('fig3', { criticality: [module('conv1'), module('a<b')] }));
    assert.deepEqual(Object.keys(bars), ['fig3-paper.svg', 'fig3-code.svg', 'fig3-sound.svg']);
    assert.ok(bars['fig3-code.svg']?.includes('a&lt;b') && !bars['fig3-code.svg'].includes('NaN'));
  });

  it('are none where nothing was measured', () => {
    assert.deepEqual(picturesOf(document('fig1', { state: 'failed', error: 'x' })), {});
    assert.deepEqual(picturesOf(document('table1', {})), {});
  });
});
