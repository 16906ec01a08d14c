import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { InvalidArgument } from '@rift/service-kit/client';

import { createCore } from './core.js';
import type { NativeAddon, NativePerturbSession } from './native.js';

const REQUEST = {
  network: { path: '/store/n', blend: null },
  seed: 3,
  spec: {
    kind: 'ATTACK_KIND_PGD',
    threatModel: { norm: 'NORM_LINF', epsilon: 0.03 },
    stepSize: 0.01,
    steps: 2,
    restarts: 1,
    randomStart: true,
    targets: 0,
    toTheEnd: false,
  },
  compute: { device: 'cpu', precision: 'PRECISION_FP32', batchSize: 0, threads: 1, plain: false, memoryMib: 0 },
} as const;

function setUp(session: Partial<NativePerturbSession>) {
  let closed = 0;
  const native: NativePerturbSession = { perturb: () => assert.fail(), close: () => (closed += 1), ...session };
  const addon: NativeAddon = {
    submit: () => assert.fail(),
    openPerturb: () => native,
    doctor: () => '{}',
    allowTorchscript: () => assert.fail(),
  };
  return { core: createCore(() => addon), closed: () => closed };
}

describe('PerturbSession', () => {
  it('hands bytes through and reads the audit', async () => {
    const { core } = setUp({
      perturb: async (images, labels, shape, firstIndex) => {
        assert.deepEqual([labels.length, JSON.parse(shape), firstIndex], [8, [1, 3, 1, 1], 7]);
        return { images, robust: labels, audit: JSON.stringify({ maxPerturbation: 0.03, imagesChanged: 1 }) };
      },
    });
    const session = await core.openPerturb(REQUEST);
    const images = Buffer.alloc(12, 1);
    const batch = await session.perturb(images, Buffer.alloc(8), [1, 3, 1, 1], 7);
    assert.equal(batch.images, images);
    assert.deepEqual(batch.audit, { maxPerturbation: 0.03, minPixel: 0, maxPixel: 0, nanCount: 0, imagesChanged: 1 });
  });

  it('closes the native session once, however often it is closed', async () => {
    const { core, closed } = setUp({});
    const session = await core.openPerturb(REQUEST);
    session.close();
    session.close();
    assert.equal(closed(), 1);
  });

  it('restores the class of a failed batch', async () => {
    const { core } = setUp({
      perturb: () =>
        Promise.reject(new Error(JSON.stringify({ code: 'InvalidArgument', message: 'm', field: 'labels', value: '12', rule: 'r' }))),
    });
    await assert.rejects((await core.openPerturb(REQUEST)).perturb(Buffer.alloc(0), Buffer.alloc(0), [], 0), InvalidArgument);
  });
});
