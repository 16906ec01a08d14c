// Where lies what is fetched once and shared by all checkouts.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** `RIFT_CACHE`, else a folder of the user. */
export const cacheFolder = (env) => (env.RIFT_CACHE ? resolve(env.RIFT_CACHE) : join(homedir(), '.cache', 'rift'));
