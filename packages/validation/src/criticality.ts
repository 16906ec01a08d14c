import { AscentMethod, ModuleGrouping, Norm, Profile } from '@rift/contracts';

import { atLeastZero, count, distinct, message, moduleName, oneOf, oneOfOrUnset, positive, uint32 } from './rules.js';

/** Module robust criticality. */
export const criticalitySpec = message({
  profile: oneOfOrUnset(Profile),
  weightEpsilon: atLeastZero(),
  weightNorm: oneOf(Norm),
  ascent: oneOf(AscentMethod),
  epochs: count(1, 1000),
  learningRate: positive(),
  batchSize: count(1, 65_536),
  starts: count(1, 100),
  seed: uint32(),
  modules: distinct(moduleName(), 10_000),
  grouping: oneOfOrUnset(ModuleGrouping),
});
