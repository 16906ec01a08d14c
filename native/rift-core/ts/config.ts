import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Makes OpenMP's waiting threads sleep, unless the operator said otherwise. libgomp reads this when it is loaded. Its
 * default, spinning at every barrier, slows two processes that share processors many times over; a waiting thread that
 * sleeps costs a lone process little (docs/architecture.md).
 */
export function letOpenMpSleep(): void {
  process.env['OMP_WAIT_POLICY'] ??= 'PASSIVE';
}

/** Where the set-up puts the published pictures of frost. */
const FROST = fileURLToPath(new URL('../frost', import.meta.url));

/** Points the engine to the published pictures of frost where the set-up brought them, unless the operator said otherwise. */
export function pointToFrost(folder: string = FROST): void {
  if (existsSync(folder)) process.env['RIFT_FROST_DIR'] ??= folder;
}

/** Names the folder in which the engine keeps what it measured to be fastest on this machine, unless the operator said otherwise. */
export function keepChoices(): void {
  const cache = process.env['RIFT_CACHE'];
  process.env['RIFT_CHOICES'] ??= join(cache ? resolve(cache) : join(homedir(), '.cache', 'rift'), 'choices');
}
