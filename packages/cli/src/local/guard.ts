// Loaded into every child before its own script: when the parent is gone, however it ended, the child must not live on.
// The channel to the parent closes with the parent's death, and a process cannot be killed without that.
import process from 'node:process';

const LONGEST_DRAIN_MS = 30_000;

process.once('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), LONGEST_DRAIN_MS).unref();
});
// The channel alone does not keep the child alive.
process.channel?.unref();
