import type { DatasetEntry, DatasetInfo, NetworkEntry, NetworkInfo } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import { pageCursor, pageSizeOf, pageToken } from '../messages/page-token.js';
import { timestampOf } from '../messages/timestamp.js';
import type { CatalogEntry, EntryStore } from './catalog-store.js';
import type { Found } from './catalog-service.js';

/** The import of a request. @throws InvalidArgument when it is not set */
export function required<T>(request: T | null): T {
  if (request === null) throw new InvalidArgument('import', '', 'must be set');
  return request;
}

/** Which page of a list is asked for. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** A page of the catalog, newest first. @throws InvalidArgument for a bad size or token */
export async function pageOf<Info extends { readonly digest: string }>(
  store: EntryStore<Info>,
  request: PageRequest,
): Promise<{ entries: CatalogEntry<Info>[]; nextPageToken: string }> {
  const size = pageSizeOf(request.pageSize);
  const after = pageCursor(request.pageToken);
  const found = await store.list(size + 1, after && { createdAt: after.createdAt, name: after.key });
  const entries = found.slice(0, size);
  const last = entries.at(-1);
  return { entries, nextPageToken: found.length > size && last ? pageToken({ createdAt: last.createdAt, key: last.name }) : '' };
}

/** The message of a registered network. */
export function networkEntry({ name, info, createdAt }: Found<NetworkInfo>): NetworkEntry {
  return { name, network: info, createdAt: timestampOf(createdAt) };
}

/** The message of a registered data set. */
export function datasetEntry({ name, info, createdAt }: Found<DatasetInfo>): DatasetEntry {
  return { name, dataset: info, createdAt: timestampOf(createdAt) };
}
