import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildReport } from './build-report.js';
import { reportInput } from './testing/fixture.js';

const SMALL = { images: 400, standard: [320, 4, 20], adversarial: [210, 5, 6], corruptionImages: 100, pictures: 0 } as const;
const input = reportInput(SMALL);
const report = buildReport(input);

function rowsOf(name: string): string[][] {
  const lines = (report.csv[name] ?? '').trimEnd().split('\r\n');
  return lines.map((line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, bare]) => quoted ?? bare ?? ''));
}

describe('the CSV tables', () => {
  it('hold the exact numbers of the JSON report', () => {
    const [head, standard] = rowsOf('accuracies.csv');
    const cell = (name: string): number => Number(standard?.[head?.indexOf(name) ?? -1]);
    assert.equal(cell('before_accuracy'), report.data.before.standard?.accuracy);
    assert.equal(cell('change_difference'), report.data.change.standard?.difference);
    assert.equal(cell('change_mcnemar_p'), report.data.change.standard?.mcnemarP);
    const modules = rowsOf('criticality.csv').slice(1);
    assert.deepEqual(
      modules.map(([name, mrc]) => [name, Number(mrc)]),
      report.data.criticality?.modules.map(({ name, mrc }) => [name, mrc]),
    );
  });

  it('have as many cells in every row as in the head', () => {
    for (const name of Object.keys(report.csv)) {
      const [head, ...rows] = rowsOf(name);
      assert.ok(rows.length > 0);
      assert.ok(
        rows.every((row) => row.length === head?.length),
        name,
      );
    }
  });

  it('let every paired test be repeated from the outcomes of single images', () => {
    const [head, ...rows] = rowsOf('per-image.csv');
    const [was, is] = [head?.indexOf('before_adversarial') ?? -1, head?.indexOf('after_adversarial') ?? -1];
    assert.equal(rows.filter((row) => row[was] === '1' && row[is] === '0').length, SMALL.adversarial[1]);
    assert.equal(rows.filter((row) => row[was] === '0' && row[is] === '1').length, SMALL.adversarial[2]);
  });

  it('quote what needs it and disarm formulas', () => {
    const { criticality } = input;
    assert.ok(criticality);
    const [first, second, ...others] = criticality.result.modules;
    assert.ok(first && second);
    const modules = [{ ...first, name: 'a,"b"\nc' }, { ...second, name: '=HYPERLINK(1)' }, ...others];
    const csv =
      buildReport({ ...input, criticality: { ...criticality, result: { ...criticality.result, modules } } }).csv['criticality.csv'] ?? '';
    assert.ok(csv.includes('"a,""b""\nc",') && csv.includes("\r\n'=HYPERLINK(1),"));
  });

  it('leave out tables without rows', () => {
    const csv = Object.keys(buildReport(reportInput({ ...SMALL, corruptionImages: 0 })).csv);
    assert.ok(!csv.includes('corruptions.csv') && csv.includes('accuracies.csv'));
  });
});

describe('the Markdown report', () => {
  it('opens with the verdict and holds the main tables', () => {
    const lines = report.markdown.split('\n');
    assert.equal(lines[2], `**${report.verdict}**`);
    for (const heading of ['## Module robust criticality', '## On the line', '## Corruptions', '## Where this comes from'])
      assert.ok(lines.includes(heading));
  });

  it('keeps names from acting as markup', () => {
    const { markdown } = buildReport({ ...input, run: { ...input.run, name: '[x](javascript:1) <b> | `' } });
    assert.ok(markdown.startsWith('# Robustness report: \\[x\\](javascript:1) \\<b\\> \\| \\`\n'));
  });
});

describe('the model card', () => {
  it('opens with metadata whose metrics are those of the JSON report', () => {
    const [, front = ''] = report.modelCard.split('---\n');
    const values = [...front.matchAll(/value: (\S+)/g)].map(([, value]) => Number(value));
    assert.deepEqual(values, [
      report.data.after.standard?.accuracy,
      report.data.after.adversarial?.accuracy,
      report.data.after.ood?.accuracy,
    ]);
    assert.match(front, /base_model: "resnet18-at"/);
    assert.match(front, /name: "Adversarial accuracy, PGD-10, worst of 3 restarts \(L∞, ε = 8\/255\)"/);
  });

  it('names the threat model with every attack, the limits and the source', () => {
    assert.match(report.modelCard, /L∞, ε = 8\/255, step 2\/255, 10 steps, 3 restarts, seed 40/);
    assert.match(report.modelCard, /## Limits\n\n- Only 400 images/);
    assert.ok(report.modelCard.includes(input.run.id));
  });
});
