import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type {
  ExportNetworkRequest,
  ExportNetworkResponse,
  ImportAdversarialSetRequest,
  ImportAdversarialSetResponse,
  ImportDatasetRequest,
  ImportDatasetResponse,
  ImportNetworkRequest,
  ImportNetworkResponse,
  InspectNetworkRequest,
  InspectNetworkResponse,
} from '@rift/contracts';
import { callSignal, type AnyCall } from '@rift/service-kit';

import { DatasetImportService } from './dataset-import.service.js';
import { NetworkConversionService } from './network-conversion.service.js';

/** Reading foreign files and writing them. */
@Controller()
export class ConversionController {
  constructor(
    private readonly networks: NetworkConversionService,
    private readonly datasets: DatasetImportService,
  ) {}

  @GrpcMethod('ConversionService', 'ImportNetwork')
  importNetwork(request: ImportNetworkRequest, _metadata: Metadata, call: AnyCall): Promise<ImportNetworkResponse> {
    return this.networks.importNetwork(request, callSignal(call));
  }

  @GrpcMethod('ConversionService', 'ExportNetwork')
  exportNetwork(request: ExportNetworkRequest, _metadata: Metadata, call: AnyCall): Promise<ExportNetworkResponse> {
    return this.networks.exportNetwork(request, callSignal(call));
  }

  @GrpcMethod('ConversionService', 'InspectNetwork')
  inspectNetwork(request: InspectNetworkRequest, _metadata: Metadata, call: AnyCall): Promise<InspectNetworkResponse> {
    return this.networks.inspectNetwork(request, callSignal(call));
  }

  @GrpcMethod('ConversionService', 'ImportDataset')
  importDataset(request: ImportDatasetRequest, _metadata: Metadata, call: AnyCall): Promise<ImportDatasetResponse> {
    return this.datasets.importDataset(request, callSignal(call));
  }

  @GrpcMethod('ConversionService', 'ImportAdversarialSet')
  importAdversarialSet(request: ImportAdversarialSetRequest, _metadata: Metadata, call: AnyCall): Promise<ImportAdversarialSetResponse> {
    return this.networks.importAdversarialSet(request, callSignal(call));
  }
}
