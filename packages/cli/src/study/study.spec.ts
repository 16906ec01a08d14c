import type { AlphaPoint, DatasetInfo, Outcome, Plan, Run } from '@rift/contracts';
import { validatePlan } from '@rift/orchestrator/validate';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { rowsOf } from './aggregate.js';
import { STUDIES, cellsOf, combinationsOf, type Cell } from './cells.js';
import { changeOf, oodChangeOf } from './changes.js';
import { collectCell, failedCell, type CellResult } from './collect.js';
import { citationOf, publishedRow } from './published.js';
import { SIZES } from './sizes.js';
import { cellPlan, requestIdOf, type CellInputs } from './study-plan.js';

/** An outcome of which the first `right` images are right. */
function outcome(right: number, total: number): Outcome {
  const perImage = Buffer.from(Array.from({ length: total }, (_, image) => (image < right ? 1 : 0)));
  return { correct: right, total, perImage, meanLoss: 1 };
}

const split = (count: number) => ({ digest: '1'.repeat(64), count, classCounts: [count] });
const DATASET: DatasetInfo = {
  digest: 'd'.repeat(64),
  classes: ['cat', 'dog'],
  splits: { train: split(800), val: split(300), test: split(400) },
  imageSize: 32,
  notes: [],
};
const INPUTS: CellInputs = {
  size: SIZES.small,
  profile: 'PROFILE_PAPER',
  dataset: { reference: 'toy', info: DATASET },
  network: undefined,
  edits: {},
  withOod: true,
};

function cell(study: Parameters<typeof combinationsOf>[0], row: string): Cell {
  const found = cellsOf(combinationsOf(study, 'PROFILE_PAPER'), 1).find((one) => one.row === row);
  assert.ok(found, `${study} has the row ${row}`);
  return found;
}

const ids = ({ stages }: Plan): string[] => stages.map(({ id }) => id);

describe('the published figures', () => {
  it('hold every row of every table that a study repeats', () => {
    for (const study of ['table1', 'table2', 'table3', 'table4'] as const) {
      for (const { row, dataset } of combinationsOf(study, 'PROFILE_PAPER')) {
        const published = publishedRow(study, row, dataset);
        assert.equal(published === undefined, row.startsWith('greedy'), `${study} ${dataset} ${row}`);
        for (const figures of published === undefined ? [] : [published.before, published.after]) {
          assert.ok(Object.values(figures).every((figure) => figure > 0.2 && figure < 0.9));
        }
      }
    }
    for (const study of STUDIES) assert.notEqual(citationOf(study), '');
  });

  it('average to the last row of the paper’s table 1', () => {
    const gains = combinationsOf('table1', 'PROFILE_PAPER').flatMap(({ row, dataset }) => {
      const published = dataset === 'cifar10' ? publishedRow('table1', row, dataset) : undefined;
      return published ? [published.after.standard - published.before.standard] : [];
    });
    assert.ok(Math.abs(gains.reduce((a, b) => a + b) / 3 - 0.0121) < 5e-5);
  });
});

describe('the cells of a study', () => {
  it('are the paper’s combinations, whole seeds first', () => {
    assert.equal(combinationsOf('table1', 'PROFILE_PAPER').length, 9);
    assert.equal(combinationsOf('table2', 'PROFILE_PAPER').length, 8);
    const cells = cellsOf(combinationsOf('table3', 'PROFILE_PAPER'), 2);
    assert.deepEqual(
      cells.map(({ row, seed }) => `${row}${seed}`),
      ['all0', 'last0', 'most0', 'least0', 'all1', 'last1', 'most1', 'least1'],
    );
    assert.equal(new Set(cells.map(({ id }) => id)).size, cells.length);
  });

  it('measure figure 3 by the study’s profile, the published code and the bounded maximiser', () => {
    assert.deepEqual(
      combinationsOf('fig3', 'PROFILE_PAPER').map(({ row }) => row),
      ['paper', 'code', 'sound'],
    );
    assert.deepEqual(
      combinationsOf('fig3', 'PROFILE_SOUND').map(({ row }) => row),
      ['sound', 'code'],
    );
  });
});

describe('the plan of a cell', () => {
  it('trains where no network is given, and every stage that reads it waits for it', () => {
    const plan = cellPlan(cell('table1', 'resnet34'), INPUTS);
    const [train] = plan.stages;
    assert.deepEqual(train?.train?.spec?.architecture, { arch: 'resnet34', width: 8 });
    assert.deepEqual([train.train.spec.epochs, train.train.spec.attack?.steps], [4, 2]);
    for (const stage of plan.stages) {
      if (JSON.stringify(stage).includes('"stage":"train"')) assert.ok(stage.after.includes('train'), stage.id);
    }
    assert.ok(!JSON.stringify(plan).includes('"network":""'));
  });

  it('trains every method within the one radius of the paper, with the normalisation of the data set', () => {
    for (const row of ['trades', 'mart', 'awp', 'score']) {
      const spec = cellPlan(cell('table2', row), INPUTS).stages[0]?.train?.spec;
      assert.deepEqual(spec?.attack?.threatModel, { norm: 'NORM_LINF', epsilon: 8 / 255 }, row);
      assert.deepEqual(spec.selectionAttack?.threatModel, { norm: 'NORM_LINF', epsilon: 8 / 255 }, row);
      assert.equal(spec.preprocess, 'cifar10', row);
    }
    const combinations = combinationsOf('table1', 'PROFILE_PAPER');
    const normalisations = cellsOf(combinations, 1).map((one) => {
      const { preprocess } = cellPlan(one, INPUTS).stages[0]?.train?.spec ?? {};
      return `${one.dataset} ${preprocess}`;
    });
    assert.deepEqual([...new Set(normalisations)], ['cifar10 cifar10', 'cifar100 cifar100', 'tiny-imagenet imagenet']);
  });

  it('starts from a given network without training', () => {
    assert.ok(!ids(cellPlan(cell('table3', 'least'), { ...INPUTS, network: 'a'.repeat(64) })).includes('train'));
  });

  it('reads no more images than the size and the data set have', () => {
    const plan = cellPlan(cell('table3', 'least'), INPUTS);
    const limits = plan.stages.flatMap((stage) => [
      stage.train?.train?.limit,
      stage.fineTune?.selection?.limit,
      stage.evaluate?.data?.limit,
    ]);
    assert.deepEqual(
      limits.filter((limit) => limit !== undefined),
      [800, 400, 400, 100, 400, 100],
    );
  });

  it('chooses the weights of its row', () => {
    const tuned = (study: 'table3' | 'table4', row: string) =>
      cellPlan(cell(study, row), INPUTS).stages.find(({ id }) => id === 'fine-tune')?.fineTune;
    assert.equal(tuned('table3', 'all')?.spec?.scope, 'FINE_TUNE_SCOPE_ALL');
    assert.equal(tuned('table3', 'most')?.choice?.rule, 'MODULE_RULE_MOST_CRITICAL');
    assert.deepEqual(tuned('table4', 'top:5')?.choice, { rule: 'MODULE_RULE_LEAST_CRITICAL', count: 5 });
  });

  it('compares the maximisers of figure 3 on the same adversarial images', () => {
    const [paper, sound] = ['paper', 'sound'].map((row) => cellPlan(cell('fig3', row), INPUTS).stages);
    assert.deepEqual(sound?.[1], paper?.[1]);
    assert.equal(paper?.[2]?.criticality?.spec?.ascent, 'ASCENT_METHOD_SGD_STOP');
    assert.equal(sound?.[2]?.criticality?.spec?.ascent, 'ASCENT_METHOD_NORMALIZED_GRADIENT');
    assert.equal(sound[2].criticality.spec.seed, paper[2].criticality.spec.seed);
  });

  it('measures nothing but criticality for figure 3, and no corruptions for figure 1', () => {
    assert.deepEqual(ids(cellPlan(cell('fig3', 'sound'), INPUTS)), ['train', 'craft', 'criticality']);
    assert.ok(!ids(cellPlan(cell('fig1', 'least'), { ...INPUTS, withOod: false })).includes('after-corruptions'));
  });

  for (const study of STUDIES) {
    it(`is accepted by the orchestrator for every row, size and profile of ${study}`, () => {
      const settings = { network: 'a'.repeat(64), dataset: 'toy', seed: 0, compute: null, noCache: false, limits: null, priority: 0 };
      for (const profile of ['PROFILE_PAPER', 'PROFILE_CODE', 'PROFILE_SOUND'] as const) {
        for (const size of Object.values(SIZES)) {
          for (const one of cellsOf(combinationsOf(study, profile), 1)) {
            for (const network of [undefined, 'a'.repeat(64)]) {
              const plan = cellPlan(one, { ...INPUTS, size, profile, network });
              assert.ok(validatePlan(plan, { ...settings, profile, network: network ?? '' }, DATASET).length > 1);
            }
          }
        }
      }
    });
  }

  it('has the same identifier whenever it is asked for, and another one for anything else', () => {
    const one = cell('table3', 'least');
    const plan = cellPlan(one, INPUTS);
    const id = requestIdOf('table3', one, { seed: 0 }, plan, '1');
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(requestIdOf('table3', one, { seed: 0 }, structuredClone(plan), '1'), id);
    assert.notEqual(requestIdOf('table3', one, { seed: 1 }, plan, '1'), id);
    assert.notEqual(requestIdOf('table3', cell('table3', 'last'), { seed: 0 }, plan, '1'), id);
  });
});

describe('the figures of a study', () => {
  it('show the fine-tuned network itself, alpha = 1, beside the one at the chosen alpha', () => {
    const point = (alpha: number, standard: number, adversarial: number): AlphaPoint => ({
      alpha,
      standard: outcome(standard, 100),
      adversarial: { ...{ attack: null, audit: null, stages: [], flags: [], imagesPerSecond: 0 }, outcome: outcome(adversarial, 100) },
    });
    const line = { points: [point(0, 80, 50), point(0.5, 82, 50), point(1, 85, 44)], chosenAlpha: 0.5, reason: '', digest: '' };
    const stages = [{ id: 'interpolate', result: { result: 'interpolate', interpolate: line }, seconds: 3 }];
    const { alpha, path, tuned, tunedChange } = collectCell(cell('table3', 'least'), { id: 'run', stages } as unknown as Run);
    assert.deepEqual([tuned.standard?.accuracy, tuned.adversarial?.accuracy], [0.85, 0.44]);
    assert.deepEqual(
      [tunedChange.standard?.difference, tunedChange.adversarial?.difference].map((change) => Number(change?.toFixed(9))),
      [0.05, -0.06],
    );
    assert.equal(alpha, 0.5);
    assert.deepEqual(
      path.map((one) => [one.alpha, one.standard.accuracy, one.adversarial.accuracy]),
      [
        [0, 0.8, 0.5],
        [0.5, 0.82, 0.5],
        [1, 0.85, 0.44],
      ],
    );
  });

  it('pair images, and give no change between outcomes of other images', () => {
    const change = changeOf(outcome(50, 100), outcome(60, 100));
    assert.ok(Math.abs((change?.difference ?? 0) - 0.1) < 1e-12);
    assert.ok((change?.ci95[0] ?? 0) > 0 && (change?.p ?? 1) < 0.01);
    assert.equal(changeOf(outcome(1, 2), outcome(1, 3)), undefined);
    assert.equal(changeOf(null, outcome(1, 3)), undefined);
  });

  it('take the image as the unit of a mean over corruptions', () => {
    const fog = (right: number) => [{ name: 'fog', severities: [1, 2].map((severity) => ({ severity, outcome: outcome(right, 100) })) }];
    const change = oodChangeOf(fog(50), fog(60));
    assert.ok(Math.abs((change?.difference ?? 0) - 0.1) < 1e-12);
    // Two copies of the same images tell no more than one: the interval is that of 100 images, not of 200.
    const single = changeOf(outcome(50, 100), outcome(60, 100));
    const width = (ends: readonly [number, number] | undefined) => (ends ? ends[1] - ends[0] : 0);
    assert.ok(Math.abs(width(change?.ci95) - width(single?.ci95)) < 0.001);
  });

  const done = (seed: number, accuracy: number): CellResult => {
    const value = { accuracy, ci95: [accuracy - 0.01, accuracy + 0.01] as const, correct: 1, total: 2 };
    const nothing = failedCell({ ...cell('table3', 'least'), seed }, 'run', '');
    return { ...nothing, error: null, state: 'done', before: { standard: value }, alpha: 0.6, modules: ['conv1'] };
  };

  it('average seeds with an interval over seeds, and over images with one seed', () => {
    const [one] = rowsOf('table3', [done(0, 0.8)]);
    assert.deepEqual([one?.before.standard?.mean, one?.before.standard?.over, one?.before.standard?.ci95], [0.8, 'images', [0.79, 0.81]]);
    const [three] = rowsOf('table3', [done(0, 0.8), done(1, 0.81), done(2, 0.82)]);
    assert.ok(Math.abs((three?.before.standard?.mean ?? 0) - 0.81) < 1e-12);
    assert.equal(three?.before.standard?.over, 'seeds');
    // mean ± 4.30 · 0.01 / √3
    assert.ok(Math.abs((three?.before.standard?.ci95[1] ?? 0) - 0.81 - 0.0248) < 1e-3);
    assert.equal(three?.published?.after.standard, 0.8344);
  });

  it('leave failed seeds out of the mean and say why they failed', () => {
    const [row] = rowsOf('table3', [done(0, 0.8), failedCell({ ...cell('table3', 'least'), seed: 1 }, 'run', 'no such method')]);
    assert.deepEqual([row?.seeds, row?.errors], [[0], ['no such method']]);
  });
});
