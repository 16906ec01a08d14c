import { open, stat } from 'node:fs/promises';

import { invalidInput } from '../errors.js';

/** What a path leads to. */
export type PathKind = 'file' | 'folder' | 'nothing';

/** What a path leads to. */
export async function pathKind(path: string): Promise<PathKind> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return 'nothing';
    throw invalidInput('path', path, error instanceof Error ? error.message : String(error));
  }
}

/** Whether a text is meant as a path although nothing is there: it has a separator or a known ending. */
export function looksLikePath(text: string): boolean {
  return /[/\\]/.test(text) || /\.(pth|pt|bin|safetensors|npz|npy|json|ckpt)$/i.test(text);
}

/** Whether a text is a SHA-256 in lower-case hexadecimal. */
export function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

const HEADER_LIMIT = 100 * 1024 * 1024;

/**
 * The kind of artifact that a safetensors file holds, from the manifest in its header.
 *
 * @returns undefined when it is no safetensors file or has no manifest (a plain checkpoint)
 */
export async function artifactKind(path: string): Promise<string | undefined> {
  const handle = await open(path, 'r');
  try {
    const length = Buffer.alloc(8);
    if ((await handle.read(length, 0, 8, 0)).bytesRead < 8) return undefined;
    const size = length.readBigUInt64LE();
    if (size > BigInt(HEADER_LIMIT)) return undefined;
    const header = Buffer.alloc(Number(size));
    if ((await handle.read(header, 0, header.length, 8)).bytesRead < header.length) return undefined;
    return kindIn(header.toString('utf8'));
  } finally {
    await handle.close();
  }
}

function kindIn(header: string): string | undefined {
  try {
    const parsed = JSON.parse(header) as { __metadata__?: Record<string, unknown> };
    const manifest = parsed.__metadata__?.['rift.manifest'];
    if (typeof manifest !== 'string') return undefined;
    const { kind } = JSON.parse(manifest) as { kind?: unknown };
    return typeof kind === 'string' ? kind : undefined;
  } catch {
    // Not JSON: some other binary file whose first bytes look like a length.
    return undefined;
  }
}
