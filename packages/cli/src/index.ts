export { runCli, type CliStreams } from './cli.js';
