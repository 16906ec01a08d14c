import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';

import { SAMPLE, Workplace } from './rift.js';

interface Accuracy {
  readonly accuracy: number;
  readonly ci95: readonly [number, number];
  readonly correct: number;
  readonly total: number;
}
interface Evaluation {
  readonly standard: Accuracy;
  readonly adversarial: Accuracy;
  readonly ood: Accuracy;
}
interface WholeRun {
  readonly runId: string;
  readonly module: string;
  readonly alpha: number;
  readonly before: Evaluation;
  readonly after: Evaluation;
  readonly verdict: string;
  readonly report: string;
  readonly reportJson: string;
  readonly network: string;
  readonly networkPth: string;
  readonly networkDigest: string;
}

/** The whole method, small: the point is that every part meets the next one. */
const TINY = [
  ...['--limit-criticality', '32', '--limit-train', '128', '--limit-selection', '48', '--limit-test', '48', '--limit-corruption', '16'],
  ...['--corruptions', 'fog', '--severities', '3', '--alphas', '0:1:0.5', '--epochs', '1', '--restarts', '1'],
];

describe('the whole method with nothing running before', () => {
  let place: Workplace;
  let first: WholeRun;

  before(async () => {
    place = await Workplace.create();
    first = await place.json<WholeRun>('run', '--network', SAMPLE.network, '--data', SAMPLE.data, ...TINY, '-o', place.path('out'));
  });
  after(async () => place[Symbol.asyncDispose]());

  it('names module, alpha and verdict, and measures both networks on the same images', () => {
    assert.match(first.module, /^(layer\d\.\d\.(conv\d|shortcut\.0)|conv1|linear)$/);
    assert.ok([0, 0.5, 1].includes(first.alpha));
    assert.ok(first.verdict.length > 20);
    for (const { standard, adversarial, ood } of [first.before, first.after]) {
      assert.deepEqual([standard.total, adversarial.total, ood.total], [48, 48, 16]);
      for (const { accuracy, ci95, correct, total } of [standard, adversarial, ood]) {
        assert.equal(accuracy, correct / total);
        assert.ok(ci95[0] <= accuracy && accuracy <= ci95[1]);
      }
      assert.ok(adversarial.accuracy <= standard.accuracy);
      assert.ok(standard.accuracy > 0.3, 'a trained network is far better than chance');
    }
  });

  it('stops everything it started', async () => {
    await place.assertNothingRuns();
  });

  it('leaves the report, and the network in both forms', async () => {
    const html = await readFile(first.report, 'utf8');
    assert.match(html, /<!doctype html>/i);
    assert.ok(html.includes(first.module));
    const report = JSON.parse(await readFile(first.reportJson, 'utf8')) as object;
    assert.ok(Object.keys(report).length > 3);
    const pth = await readFile(first.networkPth);
    assert.equal(pth.toString('latin1', 0, 2), 'PK', 'a torch.save archive');
    assert.ok((await stat(first.network)).size > 2_000_000);
  });

  it('a second run is known from the first, with the same numbers', async () => {
    const started = Date.now();
    const second = place.start('run', '--network', SAMPLE.network, '--data', SAMPLE.data, ...TINY, '-o', place.path('again'), '--json');
    const { code, stdout, stderr } = await second.ended();
    assert.equal(code, 0, stderr);
    const { runId, ...figures } = JSON.parse(stdout) as WholeRun;
    assert.notEqual(runId, first.runId);
    assert.deepEqual(
      [figures.module, figures.alpha, figures.before, figures.after, figures.networkDigest],
      [first.module, first.alpha, first.before, first.after, first.networkDigest],
    );
    for (const stage of ['adversarial set', 'module criticality', 'fine-tuning', 'interpolation', 'accuracies after']) {
      assert.match(stderr, new RegExp(`${stage}: known from an earlier run`));
    }
    assert.ok(Date.now() - started < 120_000);
  });

  it('the new network is a network like any other, with its parent on record', async () => {
    const { arch, parents, digest } = await place.json<{ arch: string; parents: string[]; digest: string }>('inspect', first.network);
    assert.equal(arch, 'resnet18');
    assert.equal(digest, first.networkDigest);
    assert.ok(parents.length > 0 || first.alpha === 0, 'what it was made from');
    const back = await place.json<{ network: string; parameters: number }>(
      ...[
        'import',
        first.networkPth,
        '--arch',
        'resnet18',
        '--width',
        '16',
        '--preprocess',
        'cifar10',
        '-o',
        place.path('back.safetensors'),
      ],
    );
    assert.equal(back.parameters, 701_466);
  });

  it('runs and their reports can be read later', async () => {
    const { runs } = await place.json<{ runs: { runId: string; state: string }[] }>('runs');
    assert.deepEqual(
      runs.map(({ state }) => state),
      ['succeeded', 'succeeded'],
    );
    const { report } = await place.json<{ report: string }>('report', first.runId, '-o', place.path('later.html'));
    assert.equal(await readFile(report, 'utf8'), await readFile(first.report, 'utf8'));
    await place.assertNothingRuns();
  });
});
