import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs/minimal.js';

import type { RunRecord, Scalar } from './record.js';
import { replaceFolder } from './replace-folder.js';

/** Castagnoli's polynomial, reflected: TFRecord's checksum is CRC-32C, which zlib does not have. */
const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** CRC-32C of bytes, masked as TFRecord wants it: a checksum stored in checksummed data would otherwise weaken it. */
export function maskedCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  crc ^= 0xffffffff;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** One TFRecord: length, its checksum, the bytes, their checksum; little-endian. */
export function tfRecord(bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(12);
  header.writeBigUInt64LE(BigInt(bytes.length), 0);
  header.writeUInt32LE(maskedCrc32c(header.subarray(0, 8)), 8);
  const footer = Buffer.alloc(4);
  footer.writeUInt32LE(maskedCrc32c(bytes), 0);
  return Buffer.concat([header, bytes, footer]);
}

type Writer = protobuf.Writer;

/** An Event of TensorBoard's event.proto: wall_time = 1, step = 2, then file_version = 3 or summary = 5. */
function event(seconds: number, step: number, content: (writer: Writer) => Writer): Buffer {
  return tfRecord(content(protobuf.Writer.create().uint32(9).double(seconds).uint32(16).int64(step)).finish());
}

function scalarEvent(seconds: number, { tag, step, value }: Scalar): Buffer {
  return event(seconds, step, (writer) =>
    // Summary.value = 1 { tag = 1, simple_value = 2 }
    writer.uint32(42).fork().uint32(10).fork().uint32(10).string(tag).uint32(21).float(value).ldelim().ldelim(),
  );
}

function textEvent(seconds: number, tag: string, text: string): Buffer {
  return event(seconds, 0, (writer) => {
    const value = writer.uint32(42).fork().uint32(10).fork().uint32(10).string(tag);
    // tensor = 8 { dtype = 1 (7: string), tensor_shape = 2 { dim = 2 { size = 1 } }, string_val = 8 }
    value.uint32(66).fork().uint32(8).int32(7).uint32(18).fork().uint32(18).fork().uint32(8).int64(1).ldelim().ldelim();
    value.uint32(66).string(text).ldelim();
    // metadata = 9 { plugin_data = 1 { plugin_name = 1 } }
    value.uint32(74).fork().uint32(10).fork().uint32(10).string('text').ldelim().ldelim();
    return value.ldelim().ldelim();
  });
}

/**
 * Writes a run as a TensorBoard run: a folder of its name with one event file. An earlier export of the run is replaced.
 *
 * @param folder TensorBoard's log folder
 * @returns the run's folder in it
 */
export async function writeTensorBoard(record: RunRecord, folder: string): Promise<string> {
  const path = join(folder, `${record.name.replaceAll(/[^\w.-]+/g, '_')}-${record.id.slice(0, 8)}`);
  const seconds = record.endedAt / 1000;
  const events = [
    event(record.startedAt / 1000, 0, (writer) => writer.uint32(26).string('brain.Event:2')),
    ...record.scalars.map((scalar) => scalarEvent(seconds, scalar)),
    ...Object.entries(record.texts).map(([tag, text]) => textEvent(seconds, tag, text)),
    textEvent(seconds, 'parameters', parameterTable(record)),
  ];
  const file = `events.out.tfevents.${Math.floor(record.startedAt / 1000)}.rift.${record.id.slice(0, 8)}`;
  await replaceFolder(path, async (draft) => writeFile(join(draft, file), Buffer.concat(events), { flush: true }));
  return path;
}

function parameterTable({ parameters }: RunRecord): string {
  const rows = Object.entries(parameters).map(([name, value]) => `| ${name} | ${value.replaceAll('|', '\\|')} |`);
  return ['| parameter | value |', '| --- | --- |', ...rows].join('\n');
}
