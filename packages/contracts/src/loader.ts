import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Options } from '@grpc/proto-loader';

/** Folder of the .proto files; the include path of every loader. */
export const PROTO_ROOT: string = fileURLToPath(new URL('../../../proto', import.meta.url));

/** Every .proto file, as a slash-separated path relative to {@link PROTO_ROOT}, sorted. */
export const PROTO_FILES: readonly string[] = Object.freeze(
  readdirSync(PROTO_ROOT, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.proto'))
    .map((entry) => relative(PROTO_ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort(),
);

/**
 * How messages look in TypeScript; the generated types hold for these options only. 64-bit integers are numbers: counts
 * and sizes here stay far below 2^53.
 */
export const LOADER_OPTIONS: Readonly<Options> = Object.freeze({
  keepCase: false,
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: true,
  includeDirs: [PROTO_ROOT],
});
