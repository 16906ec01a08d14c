// Generates src/generated/ from proto/ with proto-loader-gen-types. Does nothing when neither the contracts nor this
// script changed since the last time.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = join(dirname(fileURLToPath(import.meta.url)), '..');
const PROTO = join(PACKAGE, '..', '..', 'proto');
const OUT = join(PACKAGE, 'src', 'generated');
const STAMP = join(OUT, '.inputs.sha256');

/** Every file below `folder` with the given extension, as sorted slash-separated paths relative to it. */
function filesBelow(folder, extension) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

function fingerprint(protoFiles) {
  const hash = createHash('sha256');
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  for (const file of protoFiles) hash.update(`\0${file}\0`).update(readFileSync(join(PROTO, file)));
  return hash.digest('hex');
}

/** Path of the generator, which belongs to @grpc/proto-loader. */
function generator() {
  const manifest = createRequire(import.meta.url).resolve('@grpc/proto-loader/package.json');
  return join(dirname(manifest), 'build', 'bin', 'proto-loader-gen-types.js');
}

/** `T` is a message as received (every field present), `TInput` one to be sent (every field optional). */
function generate(protoFiles, folder) {
  const flags = [
    '--longs=Number',
    '--enums=String',
    '--defaults',
    '--arrays',
    '--objects',
    '--oneofs',
    '--includeComments',
    '--grpcLib=@grpc/grpc-js',
    '--importFileExtension=.js',
    '--inputTemplate=%sInput',
    '--outputTemplate=%s',
    `--includeDirs=${PROTO}`,
    `--outDir=${folder}`,
  ];
  execFileSync(process.execPath, [generator(), ...flags, ...protoFiles], { stdio: ['ignore', 'inherit', 'inherit'] });
  // Files without a service get a package type that nothing reads.
  for (const file of filesBelow(folder, '.ts')) {
    if (!file.includes('/') && !file.endsWith('_service.ts')) rmSync(join(folder, file));
  }
  // The generator names the folder it read; that line would differ from one checkout to the next.
  for (const file of filesBelow(folder, '.ts')) {
    const path = join(folder, file);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/^\/\/ Original file: .*\n\n?/, ''));
  }
  const messages = filesBelow(folder, '.ts').filter((file) => file.includes('/'));
  writeFileSync(join(folder, 'index.ts'), messages.map((file) => `export * from './${file.replace(/\.ts$/, '.js')}';\n`).join(''));
}

const protoFiles = filesBelow(PROTO, '.proto');
const inputs = fingerprint(protoFiles);
const isFresh = existsSync(STAMP) && readFileSync(STAMP, 'utf8') === inputs;
if (!isFresh) {
  // Made beside its place and moved there, so that an interrupted run leaves no half a set of types.
  const fresh = `${OUT}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  try {
    generate(protoFiles, fresh);
    writeFileSync(join(fresh, '.inputs.sha256'), inputs);
    rmSync(OUT, { recursive: true, force: true });
    renameSync(fresh, OUT);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
