import { mkdir, writeFile } from 'node:fs/promises';

import { Injectable } from '@nestjs/common';
import type { DatasetInfo, ImportDatasetRequest, ImportDatasetResponse, SplitInfo } from '@rift/contracts';
import type { ImportedDataset } from '@rift/core';
import { check, importDatasetRequest } from '@rift/validation';
import type { JobFiles } from '@rift/worker-kit';

import { ConversionRunner } from './conversion-runner.js';
import { ImportRoot } from './import-root.js';

/** Data sets from a folder of the service's file system. */
@Injectable()
export class DatasetImportService {
  constructor(
    private readonly runner: ConversionRunner,
    private readonly root: ImportRoot,
  ) {}

  /** Stores each split, then the artifact that lists them, so that a data set never names a split that is not there. */
  async importDataset(received: ImportDatasetRequest, signal: AbortSignal): Promise<ImportDatasetResponse> {
    const request = check(importDatasetRequest, received);
    const path = await this.root.inside(request.path);
    let dataset: DatasetInfo | undefined;
    await this.runner.run(
      {
        kind: 'importDataset',
        context: null,
        request: async (files) => {
          files.foreign('path');
          const outputDir = files.workPath();
          await mkdir(outputDir);
          return { name: request.name, path, format: request.format, heldOut: request.heldOut, seed: request.seed, outputDir };
        },
        finish: async (files, imported) => {
          dataset = await this.#stored(request.name, imported, files);
        },
      },
      { signal },
    );
    return { dataset: dataset ?? null };
  }

  async #stored(name: string, { classes, imageSize, notes, splits: imported }: ImportedDataset, files: JobFiles): Promise<DatasetInfo> {
    const splits: Record<string, SplitInfo> = {};
    // Sorted, and written without spaces, so that the same data set always has the same digest.
    for (const [split, { path, count, classCounts }] of Object.entries(imported).sort(([a], [b]) => (a < b ? -1 : 1))) {
      splits[split] = { digest: await files.adopt(path), count, classCounts };
    }
    const listing = files.workPath();
    await writeFile(listing, JSON.stringify({ kind: 'dataset', name, classes, imageSize, notes, splits }));
    return { digest: await files.adopt(listing), classes, splits, imageSize, notes };
  }
}
