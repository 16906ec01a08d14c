import { DataType } from '@rift/contracts';
import { z } from 'zod';

import { list, message, oneOf } from './rules.js';

const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  [DataType.DATA_TYPE_FLOAT32]: 4,
  [DataType.DATA_TYPE_UINT8]: 1,
  [DataType.DATA_TYPE_INT64]: 8,
};

/** Bytes that a tensor of the type and shape has. */
export function bytesOf(dataType: string, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, ELEMENT_BYTES[dataType] ?? Number.NaN);
}

const size = () => z.int({ error: 'must be a whole number of at least 1' }).min(1, { error: 'must be at least 1' });

/** A dense tensor whose byte count fits its shape. */
export const tensor = message({
  dataType: oneOf(DataType),
  shape: list(size(), 8),
  data: z.instanceof(Buffer, { error: 'must be bytes' }),
}).check(({ value: { dataType, shape, data }, issues }) => {
  if (issues.length > 0) return;
  const expected = bytesOf(dataType, shape);
  if (data.length !== expected) {
    const what = `${dataType.replace('DATA_TYPE_', '').toLowerCase()} [${shape.join(', ')}]`;
    issues.push({ code: 'custom', input: data, path: ['data'], message: `must be ${expected} bytes, as ${what} takes` });
  }
});
