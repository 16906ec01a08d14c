import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { CraftResult } from './generated/index.js';
import { fieldsOf, fromJson } from './messages.js';

describe('fieldsOf', () => {
  it('tells messages of the same and of another package, enums, lists and maps apart', () => {
    const attack = fieldsOf('rift.common.v1.AttackSpec');
    assert.equal(attack.get('threatModel')?.message, 'rift.common.v1.ThreatModel');
    assert.equal(attack.get('kind')?.enumValues?.[0], 'ATTACK_KIND_UNSPECIFIED');
    assert.equal(fieldsOf('rift.attacker.v1.EvaluateRequest').get('spec')?.message, 'rift.common.v1.EvaluateSpec');
    assert.equal(fieldsOf('rift.common.v1.EvaluateSpec').get('attacks')?.repeated, true);
    assert.deepEqual(fieldsOf('rift.common.v1.FineTuneResult').get('relativeChange'), {
      name: 'relativeChange',
      message: null,
      enumValues: null,
      repeated: false,
      map: true,
    });
  });
});

describe('fromJson', () => {
  it('reads bytes from base64 and fills absent fields with their defaults', () => {
    const result = fromJson('rift.common.v1.CraftResult', {
      outcome: { outcome: { correct: 1, total: 2, perImage: Buffer.from([1, 0]).toString('base64'), meanLoss: 0.25 } },
    }) as CraftResult;
    assert.deepEqual(result.outcome?.outcome, { correct: 1, total: 2, perImage: Buffer.from([1, 0]), meanLoss: 0.25 });
    assert.equal(result.digest, '');
    assert.deepEqual(result.outcome.flags, []);
  });

  it('refuses a field that the message lacks and names its path', () => {
    assert.throws(
      () => fromJson('rift.common.v1.CraftResult', { outcome: { stages: [{ robustCount: 3 }] } }),
      /CraftResult\.outcome\.stages\[0\]\.robustCount: rift\.common\.v1\.AttackStage has no such field/,
    );
  });
});
