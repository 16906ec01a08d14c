import { existsSync } from 'node:fs';
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
