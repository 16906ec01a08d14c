#!/usr/bin/env node
import process from 'node:process';

import { runCli } from './cli.js';

// Whoever reads the output may have seen enough: `rift run --help | head`. The work itself goes on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await runCli(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr });
