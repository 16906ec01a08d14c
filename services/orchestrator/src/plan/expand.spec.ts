import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidArgument } from '@rift/service-kit';
import { someDataset, someSettings } from '../testing/messages.js';
import { expandPlan } from './expand.js';
import { validatePlan } from './validate.js';

describe('expandPlan', () => {
  const dataset = someDataset();

  for (const profile of ['PROFILE_PAPER', 'PROFILE_CODE', 'PROFILE_SOUND'] as const) {
    it(`makes a plan that passes validation for ${profile}`, () => {
      const settings = someSettings({ profile });
      const ordered = validatePlan(expandPlan(settings, dataset), settings, dataset);
      assert.equal(ordered.at(-1)?.kind, 'report');
    });
  }

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

  it('keeps the published step of 2/225 in the code profile only', () => {
    const step = (profile: 'PROFILE_PAPER' | 'PROFILE_CODE'): number | undefined =>
      expandPlan(someSettings({ profile }), dataset).stages[0]?.craft?.spec?.attack?.stepSize;
    assert.equal(step('PROFILE_CODE'), 2 / 225);
    assert.equal(step('PROFILE_PAPER'), 2 / 255);
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
