export { attackSpec, corruptSpec, craftSpec, evaluateSpec, threatModel } from './attack.js';
export { check } from './check.js';
export {
  exportNetworkRequest,
  importAdversarialSetRequest,
  importDatasetRequest,
  importNetworkRequest,
  inspectNetworkRequest,
  preprocess,
} from './conversion.js';
export { criticalitySpec } from './criticality.js';
export { DEFAULT_COMPUTE, blend, compute, computeSpec, dataSelection, jobContext, networkRef } from './inputs.js';
export { MAX_PERTURB_IMAGES, perturbBatch, perturbSettings } from './perturb.js';
export {
  corruptRequest,
  craftAdversarialSetRequest,
  evaluateRequest,
  fineTuneRequest,
  interpolateRequest,
  measureCriticalityRequest,
  trainAdversariallyRequest,
  type Checked,
} from './requests.js';
export * as rules from './rules.js';
export { bytesOf, tensor } from './tensor.js';
export { architectureSpec, augmentSpec, fineTuneSpec, optimizerSpec, trainSpec } from './training.js';
