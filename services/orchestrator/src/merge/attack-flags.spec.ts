import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import type { AttackStage } from '@rift/contracts';
import { stageFlags } from './attack-flags.js';

interface Case {
  readonly images: number;
  readonly stages: readonly Pick<AttackStage, 'kind' | 'robust' | 'zeroGradients'>[];
  readonly flags: readonly (readonly string[])[];
}

it('makes the signs of stages from their counts in the words of the engine', () => {
  const file = new URL('../../../../test/golden/attacks/flags.json', import.meta.url);
  const cases = JSON.parse(readFileSync(file, 'utf8')) as Case[];
  assert.ok(cases.length > 3);
  for (const { images, stages, flags } of cases) {
    const counted = stages.map((stage) => ({ ...stage, seconds: 1, flags: [] }));
    assert.deepEqual(
      stageFlags(counted, images).map((stage) => stage.flags),
      flags,
    );
  }
});
