import { Internal } from '@rift/service-kit/client';

/** Options of one call. */
export interface CallOptions {
  /** Gives the call up. */
  readonly signal?: AbortSignal;
  /** Time for the call with all its retries, in milliseconds; 30 000 by default. */
  readonly timeoutMs?: number;
}

/** A message that every answer of this method holds. @throws Internal when the service left it out */
export function present<T>(value: T | null | undefined, method: string, field: string): T {
  if (value === null || value === undefined)
    throw new Internal(`The answer of ${method} lacks ${field}: the service is of another version.`);
  return value;
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Token of the next page; empty at the end. */
  readonly nextPageToken: string;
}

/** The items of all pages, each page fetched when the one before is used up. */
export async function* pages<T>(fetch: (pageToken: string) => Promise<Page<T>>): AsyncGenerator<T, void, void> {
  let token = '';
  do {
    const page = await fetch(token);
    yield* page.items;
    token = page.nextPageToken;
  } while (token !== '');
}
