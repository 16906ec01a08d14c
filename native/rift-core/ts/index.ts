export { createCore, type Core, type CoreOptions } from './core.js';
export type { JobOptions } from './jobs.js';
export {
  ADDON_PATH,
  type NativeAddon,
  type NativeFailure,
  type NativeJob,
  type NativePerturbSession,
  type NativePerturbed,
} from './native.js';
export type { PerturbSession, Perturbed } from './perturb.js';
export type {
  DataFile,
  ImportedDataset,
  ImportedSplit,
  JobKind,
  JobRequests,
  JobResults,
  NetworkFile,
  PerturbRequest,
} from './requests.js';
