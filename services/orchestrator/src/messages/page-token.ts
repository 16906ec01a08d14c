import { InvalidArgument } from '@rift/service-kit';

const DEFAULT_SIZE = 50;
export const MAX_PAGE_SIZE = 500;

/** Where a page begins: after the item of this age and key. */
export interface PageCursor {
  readonly createdAt: Date;
  readonly key: string;
}

/** @throws InvalidArgument for a size above 500. */
export function pageSizeOf(requested: number): number {
  if (requested > MAX_PAGE_SIZE) throw new InvalidArgument('page_size', requested, `must be at most ${MAX_PAGE_SIZE}`);
  return requested === 0 ? DEFAULT_SIZE : requested;
}

/** The token of the page after an item. */
export function pageToken({ createdAt, key }: PageCursor): string {
  return Buffer.from(JSON.stringify([createdAt.getTime(), key])).toString('base64url');
}

/** @throws InvalidArgument for a token that no page gave. */
export function pageCursor(token: string): PageCursor | undefined {
  if (token === '') return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(parsed) && Number.isSafeInteger(parsed[0]) && typeof parsed[1] === 'string') {
      return { createdAt: new Date(parsed[0] as number), key: parsed[1] };
    }
  } catch {
    // Falls through to the error that says so.
  }
  throw new InvalidArgument('page_token', token, 'must be the next_page_token of an earlier answer');
}
