import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { contradictions } from './declared.js';
import type { NetworkInfo } from './generated/index.js';

const CIFAR10 = { name: 'cifar10', mean: [0.4914, 0.4822, 0.4465], standardDeviation: [0.2471, 0.2435, 0.2616] };
const info: NetworkInfo = {
  ...{ digest: '', arch: 'resnet18', width: 16, classes: 10, inputSize: 32, preprocess: CIFAR10, classNames: [] },
  ...{ parameters: 0, modules: [], metrics: {}, parents: [], notes: [] },
};

describe('what is said of a network whose file says it itself', () => {
  it('may be nothing, or the same', () => {
    assert.deepEqual(contradictions(info, {}), []);
    assert.deepEqual(contradictions(info, { arch: '', width: 0, classes: 0, inputSize: 0, preprocess: null }), []);
    assert.deepEqual(contradictions(info, { arch: 'resnet18', width: 16, classes: 10, preprocess: { name: 'cifar10' } }), []);
    assert.deepEqual(contradictions(info, { preprocess: { ...CIFAR10, name: 'custom' } }), []);
  });

  it('is told field by field where it differs', () => {
    const found = contradictions(info, { arch: 'resnet34', width: 64, classes: 100, inputSize: 64, preprocess: { name: 'imagenet' } });
    assert.deepEqual(
      found.map(({ field }) => field),
      ['arch', 'width', 'classes', 'inputSize', 'preprocess'],
    );
    assert.match(found[0]?.rule ?? '', /^must be left out or be resnet18: /);
    const others = { name: 'custom', mean: [0.5, 0.5, 0.5], standardDeviation: [1, 1, 1] };
    assert.equal(contradictions(info, { preprocess: others })[0]?.value, '0.5,0.5,0.5/1,1,1');
  });
});
