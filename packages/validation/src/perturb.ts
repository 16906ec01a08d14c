import { DataType } from '@rift/contracts';
import { z } from 'zod';

import { attackSpec } from './attack.js';
import { compute, networkRef } from './inputs.js';
import { message, uint32 } from './rules.js';
import { tensor } from './tensor.js';

/** Images of one batch at most. */
export const MAX_PERTURB_IMAGES = 1024;

/** Bytes of the images of one batch at most: with labels and audit, the answer fits into a message of 4 MiB too. */
export const MAX_PERTURB_BYTES = (4 << 20) - (64 << 10);

/** Settings of a Perturb stream. */
export const perturbSettings = message({ network: networkRef, attack: attackSpec, seed: uint32(), compute });

const firstIndex = z
  .int({ error: `must be a whole number of at most ${Number.MAX_SAFE_INTEGER - MAX_PERTURB_IMAGES}` })
  .min(0)
  .max(Number.MAX_SAFE_INTEGER - MAX_PERTURB_IMAGES, { error: `must be at most ${Number.MAX_SAFE_INTEGER - MAX_PERTURB_IMAGES}` });

/** Index of the first pixel outside [0, 1] (NaN included), or -1. */
function firstBadPixel(data: Buffer): number {
  // A view, since bytes of a message may begin anywhere and a Float32Array would need them copied.
  const pixels = new DataView(data.buffer, data.byteOffset, data.length);
  for (let byte = 0; byte < data.length; byte += 4) {
    const pixel = pixels.getFloat32(byte, true);
    if (!(pixel >= 0 && pixel <= 1)) return byte / 4;
  }
  return -1;
}

/** Index of the first label below 0, or -1; labels are compared with the network's classes by the engine. */
function firstNegativeLabel(data: Buffer): number {
  for (let at = 0; at < data.length; at += 8) if ((data[at + 7] ?? 0) >= 128) return at / 8;
  return -1;
}

/** A batch of images to attack. */
export const perturbBatch = message({ images: tensor, labels: tensor, firstIndex }).check(({ value: { images, labels }, issues }) => {
  const refuse = (path: string[], input: unknown, rule: string): void => void issues.push({ code: 'custom', input, path, message: rule });
  if (issues.length > 0) return;
  const [batch = 0, channels] = images.shape;
  if (images.dataType !== DataType.DATA_TYPE_FLOAT32) return refuse(['images', 'dataType'], images.dataType, 'must be DATA_TYPE_FLOAT32');
  if (images.shape.length !== 4 || channels !== 3) return refuse(['images', 'shape'], images.shape, 'must be [N, 3, H, W]');
  if (batch > MAX_PERTURB_IMAGES) return refuse(['images', 'shape'], images.shape, `must hold at most ${MAX_PERTURB_IMAGES} images`);
  if (images.data.length > MAX_PERTURB_BYTES) return refuse(['images', 'data'], images.data, `must be at most ${MAX_PERTURB_BYTES} bytes`);
  if (labels.dataType !== DataType.DATA_TYPE_INT64) return refuse(['labels', 'dataType'], labels.dataType, 'must be DATA_TYPE_INT64');
  if (labels.shape.length !== 1 || labels.shape[0] !== batch)
    return refuse(['labels', 'shape'], labels.shape, `must be [${batch}], one per image`);
  const pixel = firstBadPixel(images.data);
  if (pixel >= 0)
    refuse(['images', 'data'], images.data, `must be pixels in [0, 1]; element ${pixel} is ${images.data.readFloatLE(4 * pixel)}`);
  const label = firstNegativeLabel(labels.data);
  if (label >= 0) refuse(['labels', 'data'], labels.data, `must be classes from 0 on; element ${label} is negative`);
});
