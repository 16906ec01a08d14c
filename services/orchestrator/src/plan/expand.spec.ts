import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetworkSource, Stage } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import { someDataset, someSettings } from '../testing/messages.js';
import { expandPlan, methodOf } from './expand.js';
import { validatePlan } from './validate.js';

/** What a stage waits for and reads: all of it but the settings. */
function wiringOf(stage: Stage): [string, readonly string[], object] {
  const { id, after, kind, ...content } = stage;
  assert.ok(kind);
  const { spec, ...wiring } = { spec: null, ...content[kind] };
  assert.ok(spec !== null || kind === 'report', id);
  return [id, after, wiring];
}

describe('expandPlan', () => {
  const dataset = someDataset();

  for (const profile of ['PROFILE_PAPER', 'PROFILE_CODE', 'PROFILE_SOUND'] as const) {
    it(`makes a plan that passes validation for ${profile}`, () => {
      const settings = someSettings({ profile });
      const ordered = validatePlan(expandPlan(settings, dataset), settings, dataset);
      assert.equal(ordered.at(-1)?.kind, 'report');
    });
  }

  it('measures and fine-tunes the given network on its own adversarial images, and walks from it to the fine-tuned one', () => {
    const expected = (given: NetworkSource, first: readonly string[]) => {
      const made = (stage: string) => ({ source: 'stage', stage });
      const images = (split: string, limit: number) => ({ split, offset: 0, limit });
      const measured = { seeds: 1, measuredShare: 0, greedy: null };
      const chosen = { criticalityStage: 'criticality', choice: { rule: 'MODULE_RULE_LEAST_CRITICAL', count: 1 }, sweep: null };
      const after = { network: made('interpolate') };
      return [
        ['craft', first, { network: given, data: images('val', 40) }],
        ['criticality', [...first, 'craft'], { network: given, adversarialSet: 'craftStage', craftStage: 'craft', ...measured }],
        ['fine-tune', [...first, 'criticality'], { network: given, train: images('train', 60), selection: images('val', 50), ...chosen }],
        ['interpolate', [...first, 'fine-tune'], { from: given, to: made('fine-tune'), data: images('val', 50) }],
        ['before', first, { network: given, data: images('test', 80) }],
        ['before-corruptions', first, { network: given, data: images('test', 20) }],
        ['after', ['interpolate'], { ...after, data: images('test', 80) }],
        ['after-corruptions', ['interpolate'], { ...after, data: images('test', 20) }],
      ];
    };
    const settings = someSettings();
    const stages = expandPlan(settings, dataset).stages.map(wiringOf);
    const all = ['craft', 'criticality', 'fine-tune', 'interpolate', 'before', 'before-corruptions', 'after', 'after-corruptions'];
    const report = ['report', all, { beforeStage: 'before', afterStage: 'after' }];
    assert.deepEqual(stages, [...expected({ source: 'network', network: '' }, []), report]);
    const trained = { network: { source: 'stage', stage: 'train' }, after: ['train'] } as const;
    assert.deepEqual(methodOf(settings, dataset, trained).map(wiringOf), expected(trained.network, trained.after));
  });

  it('reads the test split for nothing but the two evaluations in the sound profile', () => {
    const plan = expandPlan(someSettings(), dataset);
    const readers = plan.stages.filter((stage) => JSON.stringify(stage).includes('"split":"test"')).map((stage) => stage.id);
    assert.deepEqual(readers, ['before', 'before-corruptions', 'after', 'after-corruptions']);
  });

  it('gives the evaluations before and after the same seed and other purposes other seeds', () => {
    const plan = expandPlan(someSettings(), dataset);
    const seedOf = (id: string): number | undefined => {
      const stage = plan.stages.find((candidate) => candidate.id === id);
      return (stage?.evaluate ?? stage?.craft)?.spec?.seed;
    };
    assert.equal(seedOf('before'), seedOf('after'));
    assert.notEqual(seedOf('before'), seedOf('craft'));
  });

  it('measures the benchmark’s 15 corruptions, or the 18 of the published code in its profile', () => {
    const corruptionsOf = (profile: 'PROFILE_SOUND' | 'PROFILE_CODE'): readonly string[] =>
      expandPlan(someSettings({ profile }), dataset).stages.find((stage) => stage.id === 'before-corruptions')?.evaluate?.spec
        ?.corruptions ?? [];
    assert.equal(corruptionsOf('PROFILE_SOUND').length, 15);
    assert.equal(corruptionsOf('PROFILE_CODE').length, 18);
    assert.ok(!corruptionsOf('PROFILE_CODE').includes('glass_blur'));
  });

  it('limits images to what a split holds, 0 meaning all', () => {
    const limits = { criticality: 5000, train: 0, selection: 50, test: 80, corruption: 20 };
    const plan = expandPlan(someSettings({ limits }), dataset);
    assert.equal(plan.stages[0]?.craft?.data?.limit, 100);
    assert.equal(plan.stages[2]?.fineTune?.train?.limit, 600);
  });

  it('refuses a data set without the held-out split that the sound profile chooses on', () => {
    assert.throws(
      () => expandPlan(someSettings(), someDataset({ train: 10, test: 10 })),
      (error) => error instanceof InvalidArgument && error.violations[0]?.field === 'settings.dataset' && /"val"/.test(error.message),
    );
  });

  it('refuses settings without a profile or a network, naming the field', () => {
    const fieldOf = (changes: Parameters<typeof someSettings>[0]): string | undefined => {
      try {
        expandPlan(someSettings(changes), dataset);
      } catch (error) {
        return error instanceof InvalidArgument ? error.violations[0]?.field : undefined;
      }
      return undefined;
    };
    assert.equal(fieldOf({ profile: 'PROFILE_UNSPECIFIED' }), 'settings.profile');
    assert.equal(fieldOf({ network: '' }), 'settings.network');
  });
});
