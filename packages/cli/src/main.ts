#!/usr/bin/env node
import process from 'node:process';

import { runCli } from './cli.js';

// A reader that has seen enough (`rift watch … | head`) ends the command as the first Ctrl-C does.
let isUnread = false;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (!isUnread) process.kill(process.pid, 'SIGTERM');
    isUnread = true;
  });
}
process.exitCode = await runCli(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr });
