import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

/**
 * Raised by whatever changes figures within a release. 2: MRC is judged in float32 whatever its search computes in. 3: many
 * starts of profile sound. 4: they come down from larger balls. 5: attacks round in other batches.
 */
const FIGURES = 5;

/**
 * Version of the engine that results are kept under: services and engine are released together. What changes figures must
 * raise it, or results of the engine before would be taken for its own.
 */
export const ENGINE_VERSION = `${version}+${FIGURES}`;

/** Versions that a report shows. */
export const VERSIONS: Readonly<Record<string, string>> = { rift: version };
