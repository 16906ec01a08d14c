import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { InvalidArgument } from '@rift/service-kit/client';

import { check } from './check.js';
import { perturbBatch } from './perturb.js';

interface Piece {
  dataType: string;
  shape: number[];
  data: Buffer;
}

function images(shape: number[], value = 0.5): Piece {
  const data = Buffer.from(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value).buffer);
  return { dataType: 'DATA_TYPE_FLOAT32', shape, data };
}

function labels(...classes: number[]): Piece {
  return { dataType: 'DATA_TYPE_INT64', shape: [classes.length], data: Buffer.from(BigInt64Array.from(classes, BigInt).buffer) };
}

function refusal(batch: object): string {
  try {
    check(perturbBatch, batch, 'batch');
  } catch (error) {
    assert.ok(error instanceof InvalidArgument);
    return error.message;
  }
  return 'nothing';
}

describe('perturbBatch', () => {
  const good = { images: images([2, 3, 4, 4]), labels: labels(0, 9), firstIndex: 0 };

  it('lets a batch through whose tensors fit', () => {
    assert.equal(refusal(good), 'nothing');
  });

  const cases: [rule: string, batch: object, message: RegExp][] = [
    [
      'a byte count other than the shape takes',
      { ...good, images: { ...good.images, data: Buffer.alloc(380) } },
      /^batch\.images\.data is 380 bytes: must be 384 bytes, as float32 \[2, 3, 4, 4\] takes$/,
    ],
    [
      'a shape whose product overflows',
      { ...good, images: { ...good.images, shape: [2 ** 40, 2 ** 40, 1, 1] } },
      /batch\.images\.data is 384 bytes/,
    ],
    ['a size of 0', { ...good, images: { ...good.images, shape: [0, 3, 4, 4] } }, /batch\.images\.shape\[0\] is 0: must be at least 1/],
    [
      'a tensor without a type',
      { ...good, images: { ...good.images, dataType: 'DATA_TYPE_UNSPECIFIED' } },
      /batch\.images\.dataType is DATA_TYPE_UNSPECIFIED/,
    ],
    ['labels for images', { ...good, images: labels(1, 2) }, /batch\.images\.dataType is DATA_TYPE_INT64: must be DATA_TYPE_FLOAT32/],
    ['images of another rank', { ...good, images: images([2, 3, 4]) }, /batch\.images\.shape is \[2,3,4\]: must be \[N, 3, H, W\]/],
    ['grey images', { ...good, images: images([2, 1, 4, 4]) }, /must be \[N, 3, H, W\]/],
    ['more than 1,024 images', { ...good, images: images([1025, 3, 1, 1]) }, /at most 1024 images/],
    [
      'images beyond 4 MiB less 64 KiB',
      { ...good, images: images([337, 3, 32, 32]) },
      /images\.data is 4141056 bytes: must be at most 4128768 bytes/,
    ],
    ['labels of another count', { ...good, labels: labels(1) }, /batch\.labels\.shape is \[1\]: must be \[2\], one per image/],
    ['a pixel above 1', { ...good, images: images([2, 3, 4, 4], 1.5) }, /must be pixels in \[0, 1\]; element 0 is 1\.5/],
    ['a pixel that is not a number', { ...good, images: images([2, 3, 4, 4], Number.NaN) }, /element 0 is NaN/],
    ['a negative label', { ...good, labels: labels(1, -1) }, /batch\.labels\.data .*element 1 is negative/],
    ['an unset tensor', { ...good, labels: null }, /batch\.labels is unset: must be set/],
  ];
  for (const [rule, batch, message] of cases) {
    it(`refuses ${rule}`, () => {
      assert.match(refusal(batch), message);
    });
  }
});
