// The settings of MRC in every measurement, as the contracts write them.

const PROFILES = {
  code: { profile: 'PROFILE_CODE', ascent: 'ASCENT_METHOD_SGD_EPOCH' },
  paper: { profile: 'PROFILE_PAPER', ascent: 'ASCENT_METHOD_SGD_STOP' },
  sound: { profile: 'PROFILE_SOUND', ascent: 'ASCENT_METHOD_NORMALIZED_GRADIENT' },
};

/** @returns a CriticalitySpec of `profile` over `modules`, all of them when null. */
export function criticalitySpec(profile, modules) {
  return {
    ...PROFILES[profile],
    weightEpsilon: 0.1,
    weightNorm: 'NORM_L2',
    epochs: 10,
    learningRate: 1,
    batchSize: 512,
    starts: 1,
    seed: 0,
    modules: modules ?? [],
    grouping: 'MODULE_GROUPING_LAYER',
  };
}

/** The side that measures `modules` on `images` by `profile`; without one, the published procedure. */
export function measured({ images, modules, profile }) {
  const common = { task: 'criticality', network: 'w16', images };
  return profile === undefined
    ? { ...common, name: 'published procedure', side: 'peer', batchSize: 512, modules }
    : { ...common, name: profile, side: 'ours', spec: criticalitySpec(profile, modules), compute: {} };
}
