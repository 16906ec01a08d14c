/** Corruptions that a plan measures by default, by CIFAR-C's names, in the order of the published table. */
export const DEFAULT_CORRUPTIONS: readonly string[] = [
  'gaussian_noise',
  'shot_noise',
  'impulse_noise',
  'defocus_blur',
  'motion_blur',
  'fog',
  'brightness',
  'contrast',
  'pixelate',
  'jpeg_compression',
];

/** Severities that a plan measures by default: all of CIFAR-C's. */
export const DEFAULT_SEVERITIES: readonly number[] = [1, 2, 3, 4, 5];
