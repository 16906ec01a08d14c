/**
 * Makes OpenMP's waiting threads sleep, unless the operator said otherwise. libgomp reads this when it is loaded. Its
 * default, spinning at every barrier, slows two processes that share processors many times over; a waiting thread that
 * sleeps costs a lone process little (docs/architecture.md).
 */
export function letOpenMpSleep(): void {
  process.env['OMP_WAIT_POLICY'] ??= 'PASSIVE';
}
