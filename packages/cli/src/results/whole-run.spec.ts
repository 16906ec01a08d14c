import type { Run, Stage, StageResult } from '@rift/contracts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { outcome } from '../testing/run-cli.js';
import { beforeAfterText, runDocument } from './whole-run.js';

const network = (stage?: string) =>
  stage === undefined ? { source: 'network' as const, network: '' } : { source: 'stage' as const, stage };
const evaluate = (id: string, stage?: string): Stage => ({
  id,
  after: [],
  kind: 'evaluate',
  evaluate: { network: network(stage), data: null, spec: null },
});
const attack = (correct: number) => ({
  ...{ attack: { kind: 'ATTACK_KIND_PGD' }, outcome: outcome(correct, 100), audit: null, stages: [], flags: [], imagesPerSecond: 1 },
});
const measured = (standard: number, robust: number) =>
  ({
    evaluate: {
      standard: outcome(standard, 100),
      attacks: [attack(robust)],
      corruptions: [],
      gallery: [],
      confusion: [],
      diagnostics: null,
      notes: [],
    },
  }) as unknown as StageResult;
const corrupted = (correct: number) =>
  ({
    evaluate: {
      standard: null,
      attacks: [],
      corruptions: [{ name: 'fog', severities: [{ severity: 1, outcome: outcome(correct, 100) }] }],
      gallery: [],
      diagnostics: null,
      notes: [],
    },
  }) as unknown as StageResult;

function run(modules: string[], results: Record<string, StageResult>): Run {
  const stages: Stage[] = [
    { id: 'criticality', after: [], kind: 'criticality' } as unknown as Stage,
    { id: 'fine-tune', after: [], kind: 'fineTune', fineTune: { spec: { modules }, criticalityStage: 'criticality' } } as unknown as Stage,
    { id: 'interpolate', after: [], kind: 'interpolate' } as unknown as Stage,
    evaluate('before'),
    evaluate('before-corruptions'),
    evaluate('after', 'interpolate'),
    evaluate('after-corruptions', 'interpolate'),
    { id: 'report', after: [], kind: 'report', report: { beforeStage: 'before', afterStage: 'after' } } as unknown as Stage,
  ];
  const statuses = stages.map(({ id }) => ({ id, state: 'RUN_STATE_SUCCEEDED', result: results[id] ?? null }));
  return { id: 'r1', plan: { stages }, stages: statuses } as unknown as Run;
}

const RESULTS: Record<string, StageResult> = {
  criticality: { criticality: { modules: [{ name: 'layer2.1.conv2' }, { name: 'conv1' }] } } as unknown as StageResult,
  'fine-tune': { fineTune: { relativeChange: { 'layer2.1.conv2': 0.02, conv1: 0 } } } as unknown as StageResult,
  interpolate: { interpolate: { chosenAlpha: 0.6, digest: 'abc', points: [] } } as unknown as StageResult,
  before: measured(80, 50),
  'before-corruptions': corrupted(70),
  after: measured(83, 49),
  'after-corruptions': corrupted(74),
  report: { report: { htmlDigest: 'h', jsonDigest: 'j', verdict: 'Better.' } },
};

describe('the document of a whole run', () => {
  it('joins the evaluations of one network, whichever stages they came from', () => {
    const document = runDocument(run([], RESULTS));
    assert.deepEqual(
      [document.before.standard?.accuracy, document.before.adversarial?.accuracy, document.before.ood?.accuracy],
      [0.8, 0.5, 0.7],
    );
    assert.deepEqual(
      [document.after.standard?.accuracy, document.after.adversarial?.accuracy, document.after.ood?.accuracy],
      [0.83, 0.49, 0.74],
    );
    assert.deepEqual([document.alpha, document.verdict, document.networkDigest], [0.6, 'Better.', 'abc']);
  });

  it('names the module that moved, the one in the plan before any other', () => {
    assert.equal(runDocument(run([], RESULTS)).module, 'layer2.1.conv2');
    assert.equal(runDocument(run(['linear'], RESULTS)).module, 'linear');
    const unfinished = Object.fromEntries(Object.entries(RESULTS).filter(([id]) => id !== 'fine-tune'));
    assert.equal(runDocument(run([], unfinished)).module, 'layer2.1.conv2');
  });

  it('of an unfinished run holds what there is', () => {
    const document = runDocument(run([], {}));
    assert.deepEqual(
      [document.module, document.alpha, document.verdict, document.reportDigests, document.before.standard],
      [null, null, null, null, undefined],
    );
  });

  it('shows every accuracy before and after with the difference in points', () => {
    const text = beforeAfterText(runDocument(run([], RESULTS)));
    assert.match(text, /standard\s+80\.00 % .*83\.00 % .*\+3\.00/);
    assert.match(text, /adversarial\s+50\.00 % .*49\.00 % .*-1\.00/);
    assert.match(text, /corruptions \(OOD\)\s+70\.00 %/);
  });
});
