import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

/**
 * Version of the engine that results are kept under: services and engine are released together. A release whose figures differ must
 * raise it, or results of the one before would be taken for its own.
 */
export const ENGINE_VERSION = version;

/** Versions that a report shows. */
export const VERSIONS: Readonly<Record<string, string>> = { rift: version };
