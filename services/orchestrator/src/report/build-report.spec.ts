import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidArgument } from '@rift/service-kit';
import { differenceOf, mcnemarExact, wilsonInterval } from '../statistics/index.js';
import { buildReport } from './build-report.js';
import type { Evaluation, ReportInput } from './input.js';
import { reportInput, USUAL } from './testing/fixture.js';
import { outcomeFrom } from './testing/outcomes.js';
import { renderReport } from './render-report.js';

const SMALL = { images: 400, standard: [320, 4, 20], adversarial: [210, 5, 6], corruptionImages: 100, pictures: 2 } as const;
const input = reportInput();
const { data } = buildReport(input);

/** The same evaluations with the main one changed. */
function withMain(evaluations: readonly Evaluation[], change: (main: Evaluation) => Evaluation): Evaluation[] {
  return evaluations.map((evaluation, i) => (i === 0 ? change(evaluation) : evaluation));
}

describe('the figures of a report', () => {
  it('are the counts of the outcomes with their Wilson intervals', () => {
    const [right, lost, gained] = USUAL.standard;
    const after = right - lost + gained;
    const { low, high } = wilsonInterval(after, 1000);
    assert.deepEqual(data.after.standard, { accuracy: after / 1000, ci95: [low, high], correct: after, total: 1000 });
    assert.equal(data.before.adversarial?.correct, USUAL.adversarial[0]);
  });

  it('compare image by image', () => {
    const [, lost, gained] = USUAL.adversarial;
    const expected = differenceOf({ total: 1000, lost, gained });
    const change = data.change.adversarial;
    assert.deepEqual([change?.lost, change?.gained], [lost, gained]);
    assert.equal(change?.difference, expected.difference);
    assert.deepEqual(change?.ci95, [expected.low, expected.high]);
    assert.equal(change?.mcnemarP, mcnemarExact({ lost, gained }));
    assert.ok(change?.bootstrap95 && Math.abs(change.bootstrap95[0] - expected.low) < 0.002);
  });

  it('have the names that scripts rely on', () => {
    const json = JSON.parse(buildReport(input).json) as Record<string, Record<string, Record<string, unknown>>>;
    for (const key of ['runId', 'module', 'alpha', 'before', 'after', 'verdict']) assert.ok(key in json, key);
    for (const figure of ['standard', 'adversarial', 'ood']) {
      for (const key of ['accuracy', 'ci95', 'correct', 'total']) assert.ok(key in (json.after?.[figure] ?? {}), `after.${figure}.${key}`);
    }
    assert.equal((json.before?.corruptions?.gaussian_noise as number[]).length, 5);
    assert.equal(data.module, input.criticality?.result.modules[0]?.name);
    assert.equal(data.alpha, input.interpolate?.result.chosenAlpha);
  });

  it('tell of several seeds, pruning, a grown set and a sweep of learning rates', () => {
    const { criticality, fineTune } = input;
    assert.ok(criticality && fineTune);
    const [first, second] = criticality.result.modules;
    assert.ok(first && second);
    const step = { standardError: 0, tried: 20 };
    const report = buildReport({
      ...input,
      criticality: {
        ...criticality,
        result: {
          ...criticality.result,
          stability: { seeds: 3, spearman: 0.97, leastAgreement: 1, largestSpread: 0.02 },
          estimates: [...criticality.result.modules, first, second].map(({ name, firstOrder }) => ({ name, firstOrder, modules: [name] })),
          greedy: [
            { added: first.name, modules: [first.name], mrc: 0.1, ...step },
            { added: second.name, modules: [first.name, second.name], mrc: 0.3, ...step },
          ],
        },
      },
      fineTune: {
        ...fineTune,
        spec: { ...fineTune.spec, modules: [first.name, second.name] },
        choice: { rule: 'MODULE_RULE_GREEDY', count: 2 },
        result: { ...fineTune.result, sweep: [{ learningRate: 0.003, selectionStandard: 0.8125 }] },
      },
    });
    assert.equal(report.data.criticality?.pruned, 2);
    assert.match(report.data.criticality.reason, /each with the smallest joint criticality/);
    assert.deepEqual(
      report.data.criticality.modules.filter(({ chosen }) => chosen).map(({ name }) => name),
      [first.name, second.name],
    );
    for (const text of ['Rank correlation of the seeds', 'Joint MRC', 'Swept learning rate 0.003', '81.25', '2 modules']) {
      assert.ok(report.html.includes(text), text);
    }
  });

  it('hold no number that JSON cannot write', () => {
    const criticality = input.criticality;
    assert.ok(criticality);
    const modules = criticality.result.modules.map((module, i) =>
      i === 3 ? { ...module, mrc: Number.NaN, standardError: Infinity } : module,
    );
    const report = buildReport({ ...input, criticality: { ...criticality, result: { ...criticality.result, modules } } });
    const last = report.data.criticality?.modules.at(-1);
    assert.deepEqual([last?.name, last?.mrc, last?.standardError], [modules[3]?.name, null, null]);
    assert.deepEqual(JSON.parse(report.json), report.data);
  });

  it('take the mean over corruptions from the standard fifteen and its interval over images', () => {
    const ood = data.after.ood;
    assert.equal(ood?.corruptions.length, 15);
    assert.ok(!ood.corruptions.includes('spatter'));
    assert.ok(data.corruptions.some(({ name, standard }) => name === 'spatter' && !standard));
    const rows = data.corruptions.filter(({ standard }) => standard).map(({ after }) => after ?? NaN);
    assert.ok(Math.abs(ood.accuracy - rows.reduce((sum, value) => sum + value, 0) / 15) < 1e-12);
    assert.equal(ood.total, USUAL.corruptionImages * 75);
    assert.ok(data.change.ood && data.change.ood.images === USUAL.corruptionImages && data.change.ood.mcnemarP === null);
  });

  it('count an image as robust only when it survives every attack', () => {
    const report = buildReport(reportInput({ ...SMALL, autoAttack: true })).data;
    const [pgd, autoattack] = report.after.attacks;
    assert.ok(pgd && autoattack);
    assert.equal(report.after.adversarial?.correct, Math.min(pgd.correct, autoattack.correct));
    assert.match(report.after.adversarial?.attack ?? '', /^worst of PGD-10, worst of 3 restarts and AutoAttack \(L∞, ε = 8\/255\)$/);
    assert.equal(autoattack.stages.length, 4);
    assert.ok(!report.cautions.some((caution) => caution.includes('No AutoAttack')));
  });

  it('are the same for the same input, byte for byte', () => {
    const again = buildReport(reportInput());
    assert.equal(again.html, buildReport(input).html);
    assert.equal(again.json, buildReport(input).json);
  });
});

describe('what is not comparable', () => {
  it('is not compared: other images, another attack, another seed', () => {
    const changes: ((main: Evaluation) => Evaluation)[] = [
      (main) => ({ ...main, images: { ...main.images, offset: 1000 } }),
      (main) => ({ ...main, seed: 41 }),
      (main) => ({
        ...main,
        result: {
          ...main.result,
          attacks: main.result.attacks.map((one) => ({ ...one, attack: one.attack && { ...one.attack, steps: 20 } })),
        },
      }),
    ];
    for (const change of changes) {
      const other: ReportInput = { ...reportInput(SMALL), after: withMain(reportInput(SMALL).after, change) };
      const report = buildReport(other).data;
      assert.equal(report.change.adversarial, null);
      assert.equal(report.conclusion.robustnessKept, null);
      assert.ok(report.cautions.some((caution) => caution.startsWith('Adversarial accuracy before and after')));
      assert.match(report.verdict, /accuracy under attack was not compared|No comparison|under corruptions/);
    }
  });

  it('refuses an outcome that contradicts itself, naming the field', () => {
    const broken = withMain(input.before, (main) => {
      const standard = outcomeFrom(main.result.standard?.perImage ?? new Uint8Array(0), 1);
      return { ...main, result: { ...main.result, standard: { ...standard, correct: standard.correct + 1 } } };
    });
    assert.throws(
      () => buildReport({ ...input, before: broken }),
      (error) => error instanceof InvalidArgument && error.message.includes('before.standard.correct'),
    );
    const short = withMain(input.before, (main) => ({
      ...main,
      result: { ...main.result, standard: main.result.standard && { ...main.result.standard, perImage: Buffer.alloc(3) } },
    }));
    assert.throws(() => buildReport({ ...input, before: short }), /per_image is 3 bytes.*1000 images/);
  });
});

describe('cautions', () => {
  it('say that choices were made on the images the figures come from', () => {
    const images = { split: 'test', offset: 0, limit: 1000 };
    const { criticality, fineTune, interpolate } = input;
    assert.ok(criticality && fineTune && interpolate);
    const published = {
      ...input,
      criticality: { ...criticality, images },
      fineTune: { ...fineTune, selection: images },
      interpolate: { ...interpolate, images },
    };
    assert.match(
      buildReport(published).data.cautions[0] ?? '',
      /^The module, the epoch and alpha were chosen on the split "test", .*: they are optimistic\.$/,
    );
    assert.ok(!data.cautions.some((caution) => caution.includes('optimistic')));
  });

  it("repeat the attack's flags and say when a perturbation is larger than the threat model allows", () => {
    const flagged = withMain(reportInput(SMALL).after, (main) => ({
      ...main,
      result: {
        ...main.result,
        attacks: main.result.attacks.map((one) => ({
          ...one,
          flags: ['zero gradient at 31 images'],
          audit: one.audit && { ...one.audit, maxPerturbation: 9 / 255 },
        })),
      },
    }));
    const { cautions } = buildReport({ ...reportInput(SMALL), after: flagged }).data;
    assert.ok(cautions.some((caution) => caution.includes('after: zero gradient at 31 images.')));
    assert.ok(cautions.some((caution) => caution.includes('exceeds ε')));
  });

  it('say how little few images tell', () => {
    assert.ok(data.cautions.some((caution) => /Only 1,000 images were judged: each accuracy is known to about ±3\.1 points/.test(caution)));
  });
});

describe('renderReport', () => {
  it('gives what buildReport gives, from a thread of its own', async () => {
    const small = reportInput(SMALL);
    assert.equal((await renderReport(small)).html, buildReport(small).html);
  });

  it('passes a refusal on with its field', async () => {
    const broken = withMain(input.before, (main) => ({
      ...main,
      result: { ...main.result, standard: main.result.standard && { ...main.result.standard, correct: 3 } },
    }));
    await assert.rejects(
      renderReport({ ...input, before: broken }),
      (error) => error instanceof InvalidArgument && error.violations[0]?.field === 'before.standard.correct',
    );
  });
});
