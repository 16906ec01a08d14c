import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { inflateSync } from 'node:zlib';
import { SplitPictures } from './split-pictures.js';

/** A split in the artifact's format: pictures of 2 × 2 pixels, all of one colour. */
function split(t: TestContext, colours: readonly (readonly [number, number, number])[], labels: readonly number[]): SplitPictures {
  const pixels = Buffer.concat(colours.flatMap((colour) => colour.map((value) => Buffer.alloc(4, value))));
  const classes = Buffer.alloc(8 * labels.length);
  labels.forEach((label, index) => classes.writeBigInt64LE(BigInt(label), 8 * index));
  const header = Buffer.from(
    JSON.stringify({
      images: { dtype: 'U8', shape: [colours.length, 3, 2, 2], data_offsets: [0, pixels.length] },
      labels: { dtype: 'I64', shape: [labels.length], data_offsets: [pixels.length, pixels.length + classes.length] },
    }),
  );
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  const folder = mkdtempSync(join(tmpdir(), 'rift-split-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'split');
  writeFileSync(path, Buffer.concat([size, header, pixels, classes]));
  return new SplitPictures({ open: () => Promise.resolve(path) });
}

/** Width, height and pixels of a PNG as the encoder here writes them. */
function decoded(png: Buffer): { width: number; height: number; pixels: number[] } {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const start = png.indexOf('IDAT') + 4;
  const rows = inflateSync(png.subarray(start, start + png.readUInt32BE(start - 8)));
  return {
    width,
    height,
    pixels: Array.from({ length: height }, (_, y) => [...rows.subarray(y * (3 * width + 1) + 1, (y + 1) * (3 * width + 1))]).flat(),
  };
}

describe('SplitPictures', () => {
  const RED = [255, 0, 0] as const;
  const GREEN = [0, 255, 0] as const;
  const BLUE = [0, 0, 255] as const;

  it('puts the first pictures of a class side by side', async (t) => {
    const pictures = split(t, [RED, GREEN, BLUE, RED], [1, 0, 1, 1]);
    const png = await pictures.strip('d', 1, 2);
    assert.ok(png);
    const row = [...RED, ...RED, ...BLUE, ...BLUE];
    assert.deepEqual(decoded(png), { width: 4, height: 2, pixels: [...row, ...row] });
  });

  it('has nothing to show of a class without pictures', async (t) => {
    assert.equal(await split(t, [RED], [0]).strip('d', 3, 2), undefined);
  });

  it('refuses what is no split', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'rift-split-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'other');
    writeFileSync(path, Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]));
    await assert.rejects(new SplitPictures({ open: () => Promise.resolve(path) }).strip('d', 0, 1), /it is no split/);
  });
});
