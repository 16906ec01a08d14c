export { runCli, type CliStreams } from './cli.js';
export { createProgram } from './program.js';
