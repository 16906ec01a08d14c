import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  /** When that process began, since numbers of processes are used again; empty where the system does not tell. */
  readonly began: string;
  readonly token: string;
}

/**
 * A lock between processes by a file that names its holder. A lock whose holder is dead is taken over.
 *
 * @param path the file
 * @returns undefined when another living process holds it
 */
export async function takeLock(path: string): Promise<FileLock | undefined> {
  await mkdir(dirname(path), { recursive: true });
  const mine: Holder = { pid: process.pid, began: await beginningOf(process.pid), token: randomUUID() };
  const draft = `${path}.${mine.token}`;
  // Written first and linked into place, so that nobody ever reads half a holder.
  await writeFile(draft, JSON.stringify(mine));
  try {
    for (;;) {
      if (await linked(draft, path)) return new FileLock(path, mine.token);
      const holder = await readHolder(path);
      if (holder !== undefined && (await isAlive(holder))) return undefined;
      await removeStale(path, holder, `${draft}.stale`);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** Whether a living process holds the lock. */
export async function isLocked(path: string): Promise<boolean> {
  const holder = await readHolder(path);
  return holder !== undefined && (await isAlive(holder));
}

/** A lock that this process holds. */
export class FileLock {
  constructor(
    private readonly path: string,
    private readonly token: string,
  ) {}

  /** Gives it back; a lock that somebody took over in the meantime is left alone. */
  async release(): Promise<void> {
    const holder = await readHolder(this.path);
    if (holder?.token === this.token) await rm(this.path, { force: true });
  }
}

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Takes a dead holder's file away. Two processes may do so at the same time: each moves the file aside and looks at what it
 * got, and one that got a fresh lock instead puts it back.
 */
async function removeStale(path: string, stale: Holder | undefined, aside: string): Promise<void> {
  try {
    await rename(path, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  const moved = await readHolder(aside);
  if (moved !== undefined && moved.token !== stale?.token) await linked(aside, path);
  await rm(aside, { force: true });
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const parsed = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder>;
    const { pid, began = '', token } = parsed;
    return typeof pid === 'number' && typeof token === 'string' ? { pid, began, token } : undefined;
  } catch {
    // Gone, or cut short by a power failure: nobody's.
    return undefined;
  }
}

async function isAlive({ pid, began }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return began === '' || began === (await beginningOf(pid));
}

/** Boot and clock tick at which a process began, on Linux; empty elsewhere. */
async function beginningOf(pid: number): Promise<string> {
  try {
    const [boot, stat] = await Promise.all([readFile('/proc/sys/kernel/random/boot_id', 'utf8'), readFile(`/proc/${pid}/stat`, 'utf8')]);
    // The name of the program stands in parentheses and may hold spaces; the beginning is the 20th field after it.
    return `${boot.trim()}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
  } catch {
    return '';
  }
}
