/** The 15 corruptions over which benchmarks and the paper average, by CIFAR-C's names in the published order. */
export const STANDARD_CORRUPTIONS: readonly string[] = [
  'gaussian_noise',
  'shot_noise',
  'impulse_noise',
  'defocus_blur',
  'glass_blur',
  'motion_blur',
  'zoom_blur',
  'snow',
  'frost',
  'fog',
  'brightness',
  'contrast',
  'elastic_transform',
  'pixelate',
  'jpeg_compression',
];

/** The 18 corruptions of the published code's evaluation script: without glass blur, with the four extra ones. */
export const PUBLISHED_CODE_CORRUPTIONS: readonly string[] = [
  ...STANDARD_CORRUPTIONS.filter((name) => name !== 'glass_blur'),
  'speckle_noise',
  'gaussian_blur',
  'spatter',
  'saturate',
];

/** Severities that a plan measures by default: all of CIFAR-C's. */
export const DEFAULT_SEVERITIES: readonly number[] = [1, 2, 3, 4, 5];
