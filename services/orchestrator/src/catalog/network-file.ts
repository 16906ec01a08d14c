import type { ArtifactStore } from '@rift/artifacts';

/** The engine writes no longer header. */
const MAX_HEADER = 16 << 20;
const LENGTH_BYTES = 8;

/** Tells which stored files are network artifacts. */
export class NetworkFiles {
  constructor(private readonly artifacts: Pick<ArtifactStore, 'stat' | 'read'>) {}

  /** Whether a stored file is a network artifact: safetensors with a manifest of that kind. False for a file that is not there. */
  async isNetwork(digest: string): Promise<boolean> {
    if ((await this.artifacts.stat(digest)) === undefined) return false;
    const header = await this.#header(digest);
    try {
      const { __metadata__: metadata } = JSON.parse(header) as { __metadata__?: Record<string, string> };
      const { kind } = JSON.parse(metadata?.['rift.manifest'] ?? '{}') as { kind?: unknown };
      return kind === 'network';
    } catch {
      // No JSON: some other file whose first bytes look like a length.
      return false;
    }
  }

  async #header(digest: string): Promise<string> {
    let bytes = Buffer.alloc(0);
    let wanted = LENGTH_BYTES;
    for await (const chunk of this.artifacts.read(digest)) {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < LENGTH_BYTES) continue;
      const length = bytes.readBigUInt64LE();
      if (length > BigInt(MAX_HEADER)) return '';
      wanted = LENGTH_BYTES + Number(length);
      if (bytes.length >= wanted) break;
    }
    return bytes.subarray(LENGTH_BYTES, wanted).toString('utf8');
  }
}
