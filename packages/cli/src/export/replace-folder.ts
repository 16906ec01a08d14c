import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Fills a folder beside its place and moves it there once complete; what stood there is replaced. Readers never see half of it.
 *
 * @param fill writes into the folder that it is given
 */
export async function replaceFolder(path: string, fill: (draft: string) => Promise<void>): Promise<void> {
  const parent = dirname(path);
  const suffix = randomUUID().slice(0, 8);
  const draft = join(parent, `.${basename(path)}.${suffix}.part`);
  const old = join(parent, `.${basename(path)}.${suffix}.old`);
  await mkdir(draft, { recursive: true });
  try {
    await fill(draft);
    await rename(path, old).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
    await rename(draft, path);
  } finally {
    await rm(draft, { recursive: true, force: true });
    await rm(old, { recursive: true, force: true });
  }
}
