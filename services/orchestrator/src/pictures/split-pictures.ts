import { open, type FileHandle } from 'node:fs/promises';
import type { ArtifactStore } from '@rift/artifacts';
import { FailedPrecondition } from '@rift/service-kit';
import { z } from 'zod';
import { encodePng } from './png.js';

/** Longest header that is read: it names two tensors and carries a manifest. */
const MAX_HEADER = 8 << 20;
/** Splits whose pictures are looked for in memory. */
const MAX_KNOWN = 16;

const offsets = z.tuple([z.number().int().min(0), z.number().int().min(0)]);
const header = z.object({
  images: z.object({
    dtype: z.literal('U8'),
    shape: z.tuple([z.number().int().min(1), z.literal(3), z.number().int().min(1).max(1024), z.number().int().min(1).max(1024)]),
    data_offsets: offsets,
  }),
  labels: z.object({ dtype: z.literal('I64'), shape: z.tuple([z.number().int().min(1)]), data_offsets: offsets }),
});

interface Known {
  readonly path: string;
  /** Byte at which the pictures begin. */
  readonly start: number;
  readonly height: number;
  readonly width: number;
  /** Indices of the first pictures of each class. */
  readonly firstOf: ReadonlyMap<number, readonly number[]>;
}

/** Pictures of a data set's splits, for people to look at. */
export class SplitPictures {
  readonly #known = new Map<string, Promise<Known>>();

  constructor(private readonly artifacts: Pick<ArtifactStore, 'open'>) {}

  /**
   * The first pictures of a class side by side, as PNG.
   *
   * @param count pictures at most.
   * @returns undefined when the split has none of the class.
   * @throws FailedPrecondition when the artifact is no split.
   */
  async strip(digest: string, label: number, count: number): Promise<Buffer | undefined> {
    const known = await this.#lookInto(digest, count);
    const indices = known.firstOf.get(label)?.slice(0, count) ?? [];
    if (indices.length === 0) return undefined;
    const { height, width } = known;
    const pixels = new Uint8Array(height * width * indices.length * 3);
    const file = await open(known.path, 'r');
    try {
      for (const [place, index] of indices.entries()) {
        const planes = await bytesAt(file, known.start + index * 3 * height * width, 3 * height * width);
        interleave(planes, pixels, { height, width, place, row: width * indices.length });
      }
    } finally {
      await file.close();
    }
    return encodePng(pixels, width * indices.length, height);
  }

  #lookInto(digest: string, count: number): Promise<Known> {
    const key = `${digest}/${count}`;
    const known = this.#known.get(key) ?? read(this.artifacts, digest, count);
    this.#known.delete(key);
    this.#known.set(key, known);
    known.catch(() => this.#known.delete(key));
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    return known;
  }
}

async function read(artifacts: Pick<ArtifactStore, 'open'>, digest: string, count: number): Promise<Known> {
  const path = await artifacts.open(digest);
  const file = await open(path, 'r');
  try {
    const size = Number((await bytesAt(file, 0, 8)).readBigUInt64LE(0));
    if (size > MAX_HEADER) throw notASplit(digest);
    const found = header.safeParse(parse(await bytesAt(file, 8, size)));
    if (!found.success) throw notASplit(digest);
    const { images, labels } = found.data;
    const [, , height, width] = images.shape;
    const bytes = await bytesAt(file, 8 + size + labels.data_offsets[0], 8 * labels.shape[0]);
    const firstOf = new Map<number, number[]>();
    for (let index = 0; index < labels.shape[0]; index += 1) {
      const label = Number(bytes.readBigInt64LE(8 * index));
      const indices = firstOf.get(label) ?? [];
      firstOf.set(label, indices);
      if (indices.length < count) indices.push(index);
    }
    return { path, start: 8 + size + images.data_offsets[0], height, width, firstOf };
  } finally {
    await file.close();
  }
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead < length) throw new FailedPrecondition('a split', 'its file ends early');
  return buffer;
}

/** Puts a picture of three planes into a row of pictures. */
function interleave(planes: Buffer, out: Uint8Array, at: { height: number; width: number; place: number; row: number }): void {
  const { height, width, place, row } = at;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const target = (y * row + place * width + x) * 3;
      for (let channel = 0; channel < 3; channel += 1) out[target + channel] = planes[(channel * height + y) * width + x] ?? 0;
    }
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function notASplit(digest: string): FailedPrecondition {
  return new FailedPrecondition(`artifact ${digest}`, 'it is no split of a data set');
}
