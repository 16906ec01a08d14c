import type { AttackKind, AttackSpec, DataSource, Norm } from '@rift/contracts';

const ATTACKS: Readonly<Record<AttackKind, string>> = {
  ATTACK_KIND_UNSPECIFIED: 'unspecified attack',
  ATTACK_KIND_FGSM: 'FGSM',
  ATTACK_KIND_PGD: 'PGD',
  ATTACK_KIND_APGD_CE: 'APGD-CE',
  ATTACK_KIND_APGD_DLR: 'APGD-DLR',
  ATTACK_KIND_APGD_T: 'APGD-T',
  ATTACK_KIND_FAB_T: 'FAB-T',
  ATTACK_KIND_SQUARE: 'Square',
  ATTACK_KIND_CW: 'CW',
  ATTACK_KIND_AUTOATTACK_STANDARD: 'AutoAttack',
  ATTACK_KIND_AUTOATTACK_PLUS: 'AutoAttack plus',
  ATTACK_KIND_AUTOATTACK_RAND: 'AutoAttack rand',
  ATTACK_KIND_AUTOATTACK_DECISIVE: 'AutoAttack',
};

const NORMS: Readonly<Record<Norm, string>> = { NORM_UNSPECIFIED: 'unspecified norm', NORM_LINF: 'L∞', NORM_L2: 'L2', NORM_L1: 'L1' };

/** CIFAR-C's standard fifteen, whose mean RobustBench reports; the other four are shown apart. */
export const STANDARD_CORRUPTIONS: ReadonlySet<string> = new Set([
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
]);

/** Name of an attack procedure (ATTACK_KIND_APGD_CE → APGD-CE). */
export function attackKindName(kind: AttackKind): string {
  return ATTACKS[kind];
}

/** Name of a norm (NORM_LINF → L∞). */
export function normName(norm: Norm): string {
  return NORMS[norm];
}

/** Whether an attack is one of AutoAttack's fixed lists. */
export function isAutoAttack(kind: AttackKind): boolean {
  return kind.startsWith('ATTACK_KIND_AUTOATTACK');
}

/** An attack in a few words: "PGD-10, worst of 3 restarts". The threat model is named apart. */
export function attackName(spec: AttackSpec): string {
  if (isAutoAttack(spec.kind)) return attackKindName(spec.kind);
  const name = spec.kind === 'ATTACK_KIND_FGSM' ? 'FGSM' : `${attackKindName(spec.kind)}-${spec.steps}`;
  return spec.restarts > 1 ? `${name}, worst of ${spec.restarts} restarts` : name;
}

/** A threat model in a few words: "L∞, ε = 8/255". */
export function threatModelName(spec: Pick<AttackSpec, 'threatModel'>): string {
  if (!spec.threatModel) return 'no threat model';
  return `${normName(spec.threatModel.norm)}, ε = ${pixels(spec.threatModel.epsilon)}`;
}

/** Steps of 1/255 above which nobody writes a length as a multiple of them. */
const LARGEST_STEPS = 65;

/** A length in pixel units, written as a multiple of 1/255 where it is a whole or half one: 8/255. */
export function pixels(value: number): string {
  const steps = value * 255;
  const doubled = Math.round(steps * 2);
  return Math.abs(steps * 2 - doubled) < 1e-4 && doubled > 0 && steps < LARGEST_STEPS
    ? `${doubled / 2}/255`
    : String(Number(value.toPrecision(4)));
}

/** Which images were read: "test, images 0 to 999". */
export function imagesName(source: DataSource): string {
  if (source.limit === 0) return source.offset === 0 ? `${source.split}, all images` : `${source.split}, from image ${source.offset}`;
  return `${source.split}, images ${source.offset} to ${source.offset + source.limit - 1}`;
}

/** An enum value as words: ("PROFILE_", "PROFILE_SOUND") → "sound". */
export function enumWords(prefix: string, value: string): string {
  return value.replace(prefix, '').toLowerCase().replaceAll('_', ' ');
}
