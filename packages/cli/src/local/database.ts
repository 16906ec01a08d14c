import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Ends the database that outlived a killed orchestrator, at once: it recovers by itself at the next start. Does nothing when
 * none runs under the folder. Synchronous, since it is the last thing before a process ends.
 *
 * @param home folder of the local state
 */
export function quitDatabase(home: string): void {
  const data = join(home, 'postgres', 'data');
  try {
    const pid = Number.parseInt(readFileSync(join(data, 'postmaster.pid'), 'utf8'), 10);
    // A number left by a server that is long gone may belong to another process now.
    if (pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data)) process.kill(pid, 'SIGQUIT');
  } catch {
    // No file, no process, or a system without /proc: the orchestrator takes the server over at the next start.
  }
}
