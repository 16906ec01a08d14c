import { S3Client } from '@aws-sdk/client-s3';
import { InvalidArgument } from '@rift/service-kit/client';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FolderStore } from './folder-store.js';
import { S3Store } from './s3-store.js';
import { type ArtifactStore } from './store.js';

const S3_OPTIONS = new Set(['endpoint', 'region', 'pathStyle']);
const DEFAULT_CACHE_BYTES = 20 * 2 ** 30;

export interface OpenOptions {
  /** Folder for artifacts of an S3 store while they are used here; required for s3://. */
  readonly cacheFolder?: string;
  /** Bytes the cache may hold for long; default 20 GiB. */
  readonly cacheBytes?: number;
}

/**
 * Opens the store that a URL names: `file:///absolute/folder`, or
 * `s3://bucket/prefix?endpoint=https://host:port&region=eu-west-1&pathStyle=true`. S3 credentials come from where the AWS SDK looks
 * for them (environment, shared files, the identity of the pod), never from the URL.
 * @throws InvalidArgument for a URL that names no store
 */
export async function openArtifactStore(
  url: string,
  { cacheFolder, cacheBytes = DEFAULT_CACHE_BYTES }: OpenOptions = {},
): Promise<ArtifactStore> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'file:') return FolderStore.open(folderOf(parsed, url));
  if (parsed?.protocol !== 's3:') {
    throw new InvalidArgument('artifact store', url, 'must be file:///absolute/folder or s3://bucket/prefix?endpoint=…');
  }
  if (cacheFolder === undefined || !isAbsolute(cacheFolder)) {
    throw new InvalidArgument('cache folder', cacheFolder ?? '', `an absolute path is needed for the store ${url}`);
  }
  return new S3Store({ ...s3Location(parsed, url), cache: await FolderStore.open(cacheFolder), cacheBytes });
}

function folderOf(parsed: URL, url: string): string {
  if (parsed.host !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new InvalidArgument('artifact store', url, 'must be file:///absolute/folder, with three slashes and nothing after the path');
  }
  return fileURLToPath(parsed);
}

function s3Location(parsed: URL, url: string): { client: S3Client; bucket: string; prefix: string } {
  const unknown = [...parsed.searchParams.keys()].filter((name) => !S3_OPTIONS.has(name));
  if (unknown.length > 0) {
    throw new InvalidArgument('artifact store', url, `${unknown.join(', ')} is no option; there are ${[...S3_OPTIONS].join(', ')}`);
  }
  if (parsed.host === '' || parsed.username !== '' || parsed.password !== '') {
    throw new InvalidArgument('artifact store', url, 'must name a bucket and hold no credentials');
  }
  const endpoint = parsed.searchParams.get('endpoint');
  if (endpoint !== null && !/^https?:\/\/[^/]/.test(endpoint)) {
    throw new InvalidArgument('artifact store', url, 'its endpoint must be http://HOST:PORT or https://HOST:PORT');
  }
  const prefix = decodeURIComponent(parsed.pathname).replace(/^\/+|\/+$/g, '');
  const client = new S3Client({
    region: parsed.searchParams.get('region') ?? 'us-east-1',
    ...(endpoint === null ? {} : { endpoint }),
    // Servers other than Amazon's seldom serve a host name per bucket.
    forcePathStyle:
      parsed.searchParams.get('pathStyle') === 'true' || (endpoint !== null && parsed.searchParams.get('pathStyle') !== 'false'),
    // Not every server understands the trailing checksums that the SDK adds by default; ours names the SHA-256 itself.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 4,
  });
  return { client, bucket: parsed.host, prefix: prefix === '' ? '' : `${prefix}/` };
}
