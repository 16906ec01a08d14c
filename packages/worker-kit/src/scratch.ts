import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

const CHECKPOINT = 'checkpoint.safetensors';

/** The folder of one unit of work. */
export class Scratch {
  #paths = 0;

  constructor(
    /** Absolute path. */
    readonly folder: string,
    private readonly attempt: string,
    /** Whether a later attempt finds this folder again. */
    readonly isKept: boolean,
  ) {}

  /** Where checkpoints go; null for work without a key, which no later attempt could find. */
  get checkpoint(): string | null {
    return this.isKept ? join(this.folder, CHECKPOINT) : null;
  }

  /** A path that no other attempt writes to; the file or folder is the caller's to make. */
  path(): string {
    this.#paths += 1;
    return join(this.folder, `${this.attempt}-${this.#paths}`);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * Folders for the files of unfinished work. Work with a key keeps its folder, and in it its checkpoint, until it is done,
 * so that a later attempt goes on from there, in another process too if the root is shared.
 */
export class ScratchRoot {
  constructor(private readonly root: string) {}

  /** @param workKey key of the unit of work; '' for work that is not resumed */
  async open(workKey: string): Promise<Scratch> {
    const attempt = randomUUID();
    // Hashed: a key is the caller's text and must not choose the path.
    const name = workKey === '' ? `once-${attempt}` : `key-${createHash('sha256').update(workKey).digest('hex')}`;
    const folder = join(this.root, name);
    await mkdir(folder, { recursive: true });
    const now = new Date();
    await utimes(folder, now, now);
    return new Scratch(folder, attempt, workKey !== '');
  }

  /** Removes the folders that nothing has touched for so long; returns how many. */
  async prune(olderThanMs: number): Promise<number> {
    await mkdir(this.root, { recursive: true });
    const limit = Date.now() - olderThanMs;
    let removed = 0;
    for (const name of await readdir(this.root)) {
      if (!/^(once|key)-/.test(name)) continue;
      const folder = join(this.root, name);
      if ((await newest(folder)) > limit) continue;
      await rm(folder, { recursive: true, force: true });
      removed += 1;
    }
    return removed;
  }
}

/** Time of the latest change of the folder or a file in it, in milliseconds. */
async function newest(folder: string): Promise<number> {
  const names = await readdir(folder);
  const times = await Promise.all([folder, ...names.map((name) => join(folder, name))].map(changedAt));
  return Math.max(...times);
}

/** Of a file that went away in between: never. */
async function changedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
