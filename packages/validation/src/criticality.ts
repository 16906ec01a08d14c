import { AscentMethod, ModuleGrouping, Norm, Profile } from '@rift/contracts';

import { atLeastZero, count, distinct, flag, list, message, moduleName, oneOf, oneOfOrUnset, positive, text, uint32 } from './rules.js';

/** Modules perturbed together under one name. */
const moduleGroup = message({
  name: text(/^[^\p{Cc}]{1,200}$/u, 'must be 1 to 200 characters without control characters'),
  modules: distinct(moduleName(), 10_000).refine((modules) => modules.length > 0, { error: 'must name at least one module' }),
});

const NAMED = ModuleGrouping.MODULE_GROUPING_NAMED;

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
  groups: list(moduleGroup, 10_000),
  estimateOnly: flag(),
})
  .refine(({ grouping, groups }) => grouping === NAMED || groups.length === 0, {
    path: ['groups'],
    error: 'must be empty unless grouping is MODULE_GROUPING_NAMED',
  })
  .refine(({ grouping, groups }) => grouping !== NAMED || groups.length > 0, {
    path: ['groups'],
    error: 'must name at least one group when grouping is MODULE_GROUPING_NAMED',
  })
  .refine(({ grouping, modules }) => grouping !== NAMED || modules.length === 0, {
    path: ['modules'],
    error: 'must be empty when grouping is MODULE_GROUPING_NAMED; name them in groups',
  })
  .refine(({ groups }) => new Set(groups.map(({ name }) => name)).size === groups.length, {
    path: ['groups'],
    error: 'must not have the same name twice',
  });
