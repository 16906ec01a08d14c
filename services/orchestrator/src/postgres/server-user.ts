import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Account that PostgreSQL's processes run as when this process is root, which PostgreSQL refuses to be. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** A command line with the identity it must be spawned with. */
export interface PreparedCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

const ACCOUNT = 'postgres';

/**
 * Returns the account to run the server as: none (this process's own) for an ordinary user; for root the system account
 * `postgres`, which is created when it does not exist.
 */
export async function findServerUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const existing = await lookUpAccount();
  if (existing) return existing;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', ACCOUNT]);
  } catch (cause) {
    throw new Error(
      `PostgreSQL does not run as root, and the account "${ACCOUNT}" could not be created: run as an ordinary user, or set DATABASE_URL.`,
      { cause },
    );
  }
  const created = await lookUpAccount();
  if (!created) throw new Error(`The account "${ACCOUNT}" was created but is not found by "id": set DATABASE_URL instead.`);
  return created;
}

async function lookUpAccount(): Promise<ServerUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', ACCOUNT]), run('id', ['-g', ACCOUNT])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}

/**
 * Makes a command run as the server's account.
 *
 * Root's home is closed to other accounts on most systems; a project or state folder inside it would be out of the server's
 * reach. There the command keeps the one capability of passing closed folders (through setpriv), and otherwise none.
 *
 * @param paths files and folders that the command must reach.
 */
export async function asServerUser(
  user: ServerUser | undefined,
  file: string,
  args: readonly string[],
  paths: readonly string[],
): Promise<PreparedCommand> {
  if (!user) return { file, args };
  const closed = await firstClosedFolder(user, paths);
  if (closed === undefined) return { file, args, uid: user.uid, gid: user.gid };
  const setpriv = await findSetpriv();
  if (!setpriv) {
    throw new Error(
      `PostgreSQL runs as "${ACCOUNT}" here and may not pass the folder ${closed}: move the project and RIFT_HOME out of it, ` +
        `run "chmod o+x ${closed}", install setpriv (util-linux), or set DATABASE_URL.`,
    );
  }
  return {
    file: setpriv,
    args: [
      `--reuid=${user.uid}`,
      `--regid=${user.gid}`,
      '--clear-groups',
      '--inh-caps=-all,+dac_override',
      '--ambient-caps=+dac_override',
      file,
      ...args,
    ],
  };
}

async function findSetpriv(): Promise<string | undefined> {
  for (const path of ['/usr/bin/setpriv', '/bin/setpriv']) {
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not there: try the next place.
    }
  }
  return undefined;
}

/** First folder on the way to any of the paths that the account may not enter. */
async function firstClosedFolder(user: ServerUser, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    let folder = dirname(resolve(path));
    for (;;) {
      const { mode, uid, gid } = await stat(folder);
      const enter = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
      if ((mode & enter) === 0) return folder;
      const parent = dirname(folder);
      if (parent === folder) break;
      folder = parent;
    }
  }
  return undefined;
}
