import { Injectable } from '@nestjs/common';
import type {
  ExportNetworkRequest,
  ExportNetworkResponse,
  ImportAdversarialSetRequest,
  ImportAdversarialSetResponse,
  ImportNetworkRequest,
  ImportNetworkResponse,
  InspectNetworkRequest,
  InspectNetworkResponse,
} from '@rift/contracts';
import { check, exportNetworkRequest, importAdversarialSetRequest, importNetworkRequest, inspectNetworkRequest } from '@rift/validation';

import { ConversionRunner } from './conversion-runner.js';

/** Foreign files to artifacts and back, one file at a time. */
@Injectable()
export class NetworkConversionService {
  constructor(private readonly runner: ConversionRunner) {}

  async importNetwork(received: ImportNetworkRequest, signal: AbortSignal): Promise<ImportNetworkResponse> {
    const { fileDigest, ...declared } = check(importNetworkRequest, received);
    const { result, digests } = await this.runner.run(
      {
        kind: 'importNetwork',
        context: null,
        request: async (files) => {
          files.foreign('fileName');
          return { path: await files.artifact('fileDigest', fileDigest), ...declared, output: await files.output() };
        },
      },
      { signal },
    );
    return { network: { ...result, digest: digests[0] ?? '' } };
  }

  async exportNetwork(received: ExportNetworkRequest, signal: AbortSignal): Promise<ExportNetworkResponse> {
    const { digest, format } = check(exportNetworkRequest, received);
    const { digests } = await this.runner.run(
      {
        kind: 'exportNetwork',
        context: null,
        request: async (files) => ({ path: await files.artifact('digest', digest), format, output: await files.output() }),
      },
      { signal },
    );
    return { fileDigest: digests[0] ?? '' };
  }

  async inspectNetwork(received: InspectNetworkRequest, signal: AbortSignal): Promise<InspectNetworkResponse> {
    const { digest } = check(inspectNetworkRequest, received);
    const { result } = await this.runner.run(
      { kind: 'inspectNetwork', context: null, request: async (files) => ({ path: await files.artifact('digest', digest) }) },
      { signal },
    );
    return { network: { ...result, digest } };
  }

  async importAdversarialSet(received: ImportAdversarialSetRequest, signal: AbortSignal): Promise<ImportAdversarialSetResponse> {
    const { fileDigest, fileName } = check(importAdversarialSetRequest, received);
    const { result, digests } = await this.runner.run(
      {
        kind: 'importAdversarialSet',
        context: null,
        request: async (files) => {
          files.foreign('fileName');
          return { path: await files.artifact('fileDigest', fileDigest), fileName, output: await files.output() };
        },
      },
      { signal },
    );
    return { digest: digests[0] ?? '', count: result.count };
  }
}
