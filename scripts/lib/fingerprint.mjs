// Tells whether a step of the set-up is still good: a hash of what it was made from, kept in a stamp file.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const NEVER = new Set(['node_modules', 'dist', 'target', 'libtorch', 'generated', '.git']);

function* filesUnder(path, wanted) {
  let stat;
  try {
    stat = statSync(path);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (stat.isFile()) return yield path;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (NEVER.has(entry.name)) continue;
    const child = join(path, entry.name);
    if (entry.isDirectory()) yield* filesUnder(child, wanted);
    else if (entry.isFile() && wanted.test(entry.name)) yield child;
  }
}

/**
 * SHA-256 over the names and contents of files. A path naming a file counts whatever its suffix; absent paths count as absent.
 * @param {string} root paths are relative to it, and so is what is hashed
 * @param {string[]} paths files and folders
 * @param {RegExp} wanted which file names count inside folders
 */
export function fingerprint(root, paths, wanted = /./) {
  const hash = createHash('sha256');
  const files = paths.flatMap((path) => [...filesUnder(join(root, path), wanted)]).sort();
  for (const file of files) {
    const content = createHash('sha256').update(readFileSync(file)).digest('hex');
    hash.update(`${relative(root, file)}\0${content}\n`);
  }
  return hash.digest('hex');
}

/** Stamps of one checkout: step name → fingerprint of its inputs when it last succeeded. */
export class Stamps {
  #file;
  #stamps;

  constructor(file) {
    this.#file = file;
    try {
      this.#stamps = JSON.parse(readFileSync(file, 'utf8'));
    } catch {
      // No stamps, or unreadable ones, only mean that the steps run again.
      this.#stamps = {};
    }
  }

  isFresh(name, print) {
    return this.#stamps[name] === print;
  }

  set(name, print) {
    this.#stamps[name] = print;
    mkdirSync(dirname(this.#file), { recursive: true });
    const temporary = `${this.#file}.${process.pid}`;
    writeFileSync(temporary, `${JSON.stringify(this.#stamps, null, 2)}\n`);
    renameSync(temporary, this.#file);
  }
}
