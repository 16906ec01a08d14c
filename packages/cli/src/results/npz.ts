import { randomUUID } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

import { invalidInput } from '../errors.js';

/** NumPy's names of safetensors' element types, little-endian. */
const NUMPY_TYPES: Readonly<Record<string, string>> = { F32: '<f4', F64: '<f8', I64: '<i8', I32: '<i4', U8: '|u1', BOOL: '|b1' };
const BLOCK = 1 << 20;
const LIMIT_32 = 0xffff_ffff;

interface Tensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Place of the bytes in the file. */
  readonly start: number;
  readonly length: number;
}

/**
 * Writes tensors of a safetensors file as an uncompressed .npz: beside its place first, moved there once complete.
 *
 * @param names tensors to take, in this order
 * @throws InvalidArgument when one is missing or of a type that NumPy lacks
 */
export async function writeNpz(source: string, target: string, names: readonly string[]): Promise<void> {
  const input = await open(source, 'r');
  const partial = `${target}.${randomUUID().slice(0, 8)}.part`;
  try {
    const tensors = await readHeader(input, source);
    const output = await open(partial, 'wx');
    try {
      await writeZip(
        input,
        output,
        names.map((name) => [name, wanted(tensors, name, source)] as const),
      );
      await output.sync();
    } finally {
      await output.close();
    }
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await input.close();
  }
}

function wanted(tensors: ReadonlyMap<string, Tensor>, name: string, source: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw invalidInput('file', source, `holds no tensor ${name}`);
  if (NUMPY_TYPES[tensor.dtype] === undefined) throw invalidInput('file', source, `tensor ${name} is ${tensor.dtype}, which NumPy lacks`);
  return tensor;
}

async function readHeader(input: FileHandle, source: string): Promise<Map<string, Tensor>> {
  const length = Buffer.alloc(8);
  await input.read(length, 0, 8, 0);
  const size = Number(length.readBigUInt64LE());
  const total = (await input.stat()).size;
  if (size > total - 8) throw invalidInput('file', source, 'is no safetensors file');
  const header = Buffer.alloc(size);
  await input.read(header, 0, size, 8);
  const parsed = JSON.parse(header.toString('utf8')) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(parsed)) {
    if (name === '__metadata__') continue;
    const [from, to] = entry.data_offsets;
    tensors.set(name, { dtype: entry.dtype, shape: entry.shape, start: 8 + size + from, length: to - from });
  }
  return tensors;
}

/** The head of a .npy file, version 1.0, padded so that the data begin at a multiple of 64 bytes. */
function npyHeader({ dtype, shape }: Tensor): Buffer {
  const sizes = shape.length === 1 ? `${shape[0] ?? 0},` : shape.join(', ');
  const text = `{'descr': '${NUMPY_TYPES[dtype] ?? ''}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const padding = 64 - ((10 + text.length + 1) % 64);
  const body = `${text}${' '.repeat(padding % 64)}\n`;
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(body.length, 8);
  return Buffer.concat([head, Buffer.from(body, 'latin1')]);
}

async function* blocks(input: FileHandle, { start, length }: Tensor): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < length;) {
    const buffer = Buffer.allocUnsafe(Math.min(BLOCK, length - at));
    const { bytesRead } = await input.read(buffer, 0, buffer.length, start + at);
    if (bytesRead === 0) throw new Error(`The file ends at byte ${start + at}, inside a tensor.`);
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function writeZip(input: FileHandle, output: FileHandle, tensors: readonly (readonly [string, Tensor])[]): Promise<void> {
  const directory: Buffer[] = [];
  let offset = 0;
  const append = async (bytes: Buffer): Promise<void> => {
    await output.writeFile(bytes);
    offset += bytes.length;
  };
  for (const [name, tensor] of tensors) {
    const head = npyHeader(tensor);
    const size = head.length + tensor.length;
    if (offset + size > LIMIT_32) throw new Error('The adversarial set is larger than the 4 GiB that .npz holds without extensions.');
    let checksum = crc32(head);
    for await (const block of blocks(input, tensor)) checksum = crc32(block, checksum);
    const file = Buffer.from(`${name}.npy`, 'latin1');
    const local = record('PK\x03\x04', [20, 0, 0, 0, 0x21], [checksum, size, size], [file.length, 0]);
    const central = record('PK\x01\x02', [20, 20, 0, 0, 0, 0x21], [checksum, size, size], [file.length, 0, 0, 0, 0], [0, offset]);
    directory.push(central, file);
    await append(Buffer.concat([local, file, head]));
    for await (const block of blocks(input, tensor)) await append(block);
  }
  const entries = Buffer.concat(directory);
  const end = record('PK\x05\x06', [0, 0, tensors.length, tensors.length], [entries.length, offset], [0]);
  await append(Buffer.concat([entries, end]));
}

/** A ZIP record: its signature, then groups of 16-bit and 32-bit numbers in turn. */
function record(signature: string, ...groups: readonly (readonly number[])[]): Buffer {
  const parts = groups.flatMap((group, index) =>
    group.map((value) => {
      const bytes = Buffer.alloc(index % 2 === 0 ? 2 : 4);
      if (index % 2 === 0) bytes.writeUInt16LE(value);
      else bytes.writeUInt32LE(value >>> 0);
      return bytes;
    }),
  );
  return Buffer.concat([Buffer.from(signature, 'latin1'), ...parts]);
}
