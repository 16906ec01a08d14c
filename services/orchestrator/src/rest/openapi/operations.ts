import type { Role } from '../../security.js';

const PACKAGE = 'rift.orchestrator.v1';

/** One operation of the REST API and the RPC that it stands for. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** Path with its parameters in braces. */
  readonly path: string;
  /** Service and method whose comment describes it. */
  readonly rpc: readonly [service: string, method: string];
  readonly tag: 'Runs' | 'Networks and data sets' | 'Artifacts';
  readonly role: Role;
  /** Message in the body; 'bytes' for a file. */
  readonly body?: string;
  /** Message whose fields are the parameters of the query. */
  readonly query?: string;
  /** Fields of body or query that the path gives. */
  readonly inPath?: readonly string[];
  /** Message of the answer, 'bytes', 'events' (messages as server-sent events) or 'nothing'. */
  readonly answer: { readonly status: number; readonly content: string; readonly also?: number };
  /** Statuses of refusals beside those that every operation has. */
  readonly refusals: readonly number[];
  /** What the comment of the RPC does not say of this form of it. */
  readonly note?: string;
}

const message = (name: string): string => `${PACKAGE}.${name}`;
const runs = (method: string) => [message('RunService'), method] as const;
const catalog = (method: string) => [message('CatalogService'), method] as const;
const files = (method: string) => [message('ArtifactService'), method] as const;
const IMPORT_REFUSALS = [400, 404, 409, 413, 415, 429, 503];

/** Every operation, in the order of the document. */
export const OPERATIONS: readonly Operation[] = [
  {
    ...{ method: 'get', path: '/api/v1/runs', rpc: runs('ListRuns'), tag: 'Runs', role: 'read' },
    ...{ query: message('ListRunsRequest'), answer: { status: 200, content: message('ListRunsResponse') }, refusals: [400] },
  },
  {
    ...{ method: 'post', path: '/api/v1/runs', rpc: runs('CreateRun'), tag: 'Runs', role: 'submit' },
    ...{ body: message('CreateRunRequest'), answer: { status: 201, content: message('Run') }, refusals: IMPORT_REFUSALS },
  },
  {
    ...{ method: 'post', path: '/api/v1/plans', rpc: runs('ExpandPlan'), tag: 'Runs', role: 'read' },
    ...{ body: message('ExpandPlanRequest'), answer: { status: 200, content: message('Plan') }, refusals: [400, 404, 409, 413, 415] },
  },
  {
    ...{ method: 'get', path: '/api/v1/training-presets', rpc: runs('ListTrainingPresets'), tag: 'Runs', role: 'read' },
    ...{ answer: { status: 200, content: message('ListTrainingPresetsResponse') }, refusals: [400] },
  },
  {
    ...{ method: 'get', path: '/api/v1/runs/{id}', rpc: runs('GetRun'), tag: 'Runs', role: 'read' },
    ...{ answer: { status: 200, content: message('Run') }, refusals: [400, 404] },
  },
  {
    ...{ method: 'delete', path: '/api/v1/runs/{id}', rpc: runs('DeleteRun'), tag: 'Runs', role: 'admin' },
    ...{ answer: { status: 204, content: 'nothing' }, refusals: [404, 409] },
  },
  {
    ...{ method: 'post', path: '/api/v1/runs/{id}/cancel', rpc: runs('CancelRun'), tag: 'Runs', role: 'submit' },
    ...{ answer: { status: 200, content: message('Run') }, refusals: [404, 409] },
  },
  {
    ...{ method: 'post', path: '/api/v1/runs/{id}/resume', rpc: runs('ResumeRun'), tag: 'Runs', role: 'submit' },
    ...{ answer: { status: 200, content: message('Run') }, refusals: [404, 409] },
  },
  {
    ...{ method: 'get', path: '/api/v1/runs/{id}/events', rpc: runs('WatchRun'), tag: 'Runs', role: 'read' },
    ...{ query: message('WatchRunRequest'), inPath: ['id'], answer: { status: 200, content: 'events' }, refusals: [400, 404] },
    note:
      'Server-sent events: the id of an event is its sequence, its data a WatchRunResponse. A reader that comes back sends Last-Event-ID. ' +
      'The event "end" follows the last one.',
  },
  {
    ...{ method: 'get', path: '/api/v1/networks', rpc: catalog('ListNetworks'), tag: 'Networks and data sets', role: 'read' },
    ...{ query: message('ListNetworksRequest'), answer: { status: 200, content: message('ListNetworksResponse') }, refusals: [400] },
  },
  {
    ...{ method: 'post', path: '/api/v1/networks', rpc: catalog('ImportNetwork'), tag: 'Networks and data sets', role: 'submit' },
    ...{ body: message('CatalogServiceImportNetworkRequest'), answer: { status: 201, content: message('NetworkEntry') } },
    refusals: IMPORT_REFUSALS,
    note: 'The file is uploaded before, as an artifact.',
  },
  {
    ...{ method: 'get', path: '/api/v1/networks/{network}', rpc: catalog('GetNetwork'), tag: 'Networks and data sets', role: 'read' },
    ...{ answer: { status: 200, content: message('NetworkEntry') }, refusals: [400, 404, 409, 503] },
  },
  {
    ...{
      method: 'delete',
      path: '/api/v1/networks/{network}',
      rpc: catalog('DeleteNetwork'),
      tag: 'Networks and data sets',
      role: 'admin',
    },
    ...{ answer: { status: 204, content: 'nothing' }, refusals: [404] },
  },
  {
    ...{ method: 'post', path: '/api/v1/networks/{network}/export', rpc: catalog('ExportNetwork'), tag: 'Networks and data sets' },
    ...{ role: 'submit', body: message('CatalogServiceExportNetworkRequest'), inPath: ['network'] },
    ...{ answer: { status: 200, content: message('CatalogServiceExportNetworkResponse') }, refusals: IMPORT_REFUSALS },
  },
  {
    ...{ method: 'get', path: '/api/v1/datasets', rpc: catalog('ListDatasets'), tag: 'Networks and data sets', role: 'read' },
    ...{ query: message('ListDatasetsRequest'), answer: { status: 200, content: message('ListDatasetsResponse') }, refusals: [400] },
  },
  {
    ...{ method: 'post', path: '/api/v1/datasets', rpc: catalog('ImportDataset'), tag: 'Networks and data sets', role: 'submit' },
    ...{ body: message('CatalogServiceImportDatasetRequest'), answer: { status: 201, content: message('DatasetEntry') } },
    refusals: IMPORT_REFUSALS,
  },
  {
    ...{ method: 'get', path: '/api/v1/datasets/{dataset}', rpc: catalog('GetDataset'), tag: 'Networks and data sets', role: 'read' },
    ...{ answer: { status: 200, content: message('DatasetEntry') }, refusals: [400, 404, 409] },
  },
  {
    ...{
      method: 'delete',
      path: '/api/v1/datasets/{dataset}',
      rpc: catalog('DeleteDataset'),
      tag: 'Networks and data sets',
      role: 'admin',
    },
    ...{ answer: { status: 204, content: 'nothing' }, refusals: [404] },
  },
  {
    ...{ method: 'post', path: '/api/v1/adversarial-sets', rpc: catalog('ImportAdversarialSet'), tag: 'Networks and data sets' },
    ...{ role: 'submit', body: message('CatalogServiceImportAdversarialSetRequest') },
    ...{ answer: { status: 201, content: message('CatalogServiceImportAdversarialSetResponse') }, refusals: IMPORT_REFUSALS },
  },
  {
    ...{ method: 'put', path: '/api/v1/artifacts/{digest}', rpc: files('Upload'), tag: 'Artifacts', role: 'submit', body: 'bytes' },
    ...{ answer: { status: 201, content: message('UploadResponse'), also: 200 }, refusals: [400, 415, 429, 503] },
    note: 'The digest stands in the address and the bytes are the body. 200 says that the content was there before.',
  },
  {
    ...{ method: 'get', path: '/api/v1/artifacts/{digest}', rpc: files('Download'), tag: 'Artifacts', role: 'read' },
    ...{ answer: { status: 200, content: 'bytes', also: 206 }, refusals: [400, 404, 409, 416] },
    note: 'A download goes on where it was with "Range: bytes=OFFSET-".',
  },
];
