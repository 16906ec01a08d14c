import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { EnvironmentError } from '@rift/service-kit';

import { readConfig } from './config.js';

describe('readConfig', () => {
  it('imports data sets from nowhere unless the operator says from where', () => {
    const config = readConfig({});
    assert.equal(config.RIFT_IMPORT_ROOT, undefined);
    assert.deepEqual([config.RIFT_TRAINER_ADDRESS, config.RIFT_CONVERSIONS, config.RIFT_CONVERSION_MINUTES], ['127.0.0.1:50053', 2, 60]);
  });

  const wrong: Record<string, string> = {
    RIFT_TRAINER_ADDRESS: ':50053:',
    RIFT_IMPORT_ROOT: 'data',
    RIFT_CONVERSIONS: '17',
    RIFT_CONVERSION_MINUTES: '0',
  };
  for (const [name, value] of Object.entries(wrong)) {
    it(`refuses ${name}=${value} and names it`, () => {
      assert.throws(
        () => readConfig({ [name]: value }),
        (error: unknown) =>
          error instanceof EnvironmentError && error.problems.length === 1 && error.problems[0]?.startsWith(`${name} is `) === true,
      );
    });
  }
});
