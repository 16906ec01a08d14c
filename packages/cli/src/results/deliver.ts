import type { RiftClient } from '@rift/client';
import { join } from 'node:path';

import { OUTPUT_FOLDER } from './save-network.js';
import type { RunDocument } from './whole-run.js';

/** The files that a run of the whole method leaves behind. */
export interface DeliveredFiles {
  readonly folder: string;
  readonly network?: string;
  readonly networkPth?: string;
  readonly report?: string;
  readonly reportJson?: string;
}

/** Downloads the new network, also as PyTorch file, and the report. */
export async function deliver(
  client: RiftClient,
  { runId, networkDigest, reportDigests }: Pick<RunDocument, 'runId' | 'networkDigest' | 'reportDigests'>,
  output: string | undefined,
  signal: AbortSignal,
): Promise<DeliveredFiles> {
  const folder = output ?? join(OUTPUT_FOLDER, runId);
  const files: { -readonly [K in keyof DeliveredFiles]: DeliveredFiles[K] } = { folder };
  if (networkDigest !== null) {
    files.network = join(folder, 'network.safetensors');
    await client.artifacts.downloadFile(networkDigest, files.network, { signal });
    files.networkPth = join(folder, 'network.pth');
    const exported = await client.catalog.exportNetwork(networkDigest, 'EXPORT_FORMAT_PTH', { signal });
    await client.artifacts.downloadFile(exported, files.networkPth, { signal });
  }
  if (reportDigests !== null) {
    files.report = join(folder, 'report.html');
    await client.artifacts.downloadFile(reportDigests.html, files.report, { signal });
    files.reportJson = join(folder, 'report.json');
    await client.artifacts.downloadFile(reportDigests.json, files.reportJson, { signal });
  }
  return files;
}
