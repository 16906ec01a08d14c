import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const RETRY_MS = 5;

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
      if (!(await removeStale(path, holder?.token))) await setTimeout(RETRY_MS);
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
 * Takes a dead holder's file away, if it still is that holder's. Only who holds the lock named after it may: while that one
 * looks and removes, nobody can put a living holder's file in its place.
 *
 * @returns false when another process is about to
 */
async function removeStale(path: string, token: string | undefined): Promise<boolean> {
  const right = await takeLock(`${path}.${token ?? 'unreadable'}.removal`);
  if (right === undefined) return false;
  try {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined && parsed(text)?.token === token) await rm(path, { force: true });
    return true;
  } finally {
    await right.release();
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  return readFile(path, 'utf8').then(parsed, () => undefined);
}

/** Undefined for a file that was cut short by a power failure: it is nobody's. */
function parsed(text: string): Holder | undefined {
  try {
    const { pid, began = '', token } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === 'number' && typeof token === 'string' ? { pid, began, token } : undefined;
  } catch {
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
