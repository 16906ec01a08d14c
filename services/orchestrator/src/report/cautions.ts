import type { ReportInput } from './input.js';
import type { Figures } from './data/evaluation.js';
import { isAutoAttack, imagesName } from './data/names.js';
import type { Changes } from './data/evaluation.js';
import { corruptionName, count, points } from './format.js';
import type { EvaluationData, PathData } from './data/types.js';

/** Images from which on half an interval is below about one point. */
const FEW_IMAGES = 5000;
/** Flips below which the normal interval of a paired difference is rough. */
const FEW_FLIPS = 10;
/** Largest excess over epsilon that float32 arithmetic explains. */
const FLOAT32_SLACK = 1e-6;

/** What a reader must know before believing the figures, one sentence each, the gravest first. */
export function cautionsOf(input: ReportInput, before: Figures, after: Figures, changes: Changes, path: PathData | null): string[] {
  return [
    ...selectionOnTest(input, before),
    ...attackFlags('before', before.data),
    ...attackFlags('after', after.data),
    ...diagnosed('before', before.data),
    ...diagnosed('after', after.data),
    ...new Set([...before.data.notes, ...after.data.notes].map((note) => `${capital(note.replace(/\.$/, ''))}.`)),
    ...uncompared(before, after, changes),
    ...fewImages(before, changes),
    ...fewSelectionImages(path),
    ...weakAttack(before, after),
    ...oodSubset(after.data.ood ?? before.data.ood),
  ];
}

/** Choosing and reporting on the same images is optimistic (the published method chooses on the test split). */
function selectionOnTest(input: ReportInput, before: Figures): string[] {
  const reported = before.standard?.evaluation.images.split ?? before.adversarial?.parts[0]?.evaluation.images.split;
  if (reported === undefined) return [];
  const choices = [
    ['the module', input.criticality?.images?.split],
    ['the epoch', input.fineTune?.spec.keepBest ? input.fineTune.selection?.split : undefined],
    ['alpha', input.interpolate?.images?.split],
  ].flatMap(([what, split]) => (split === reported && what !== undefined ? [what] : []));
  if (choices.length === 0) return [];
  return [
    `${capital(list(choices))} ${choices.length === 1 ? 'was' : 'were'} chosen on the split "${reported}", on which the figures are reported too: they are optimistic.`,
  ];
}

function attackFlags(when: string, data: EvaluationData): string[] {
  return data.attacks.flatMap((attack) => {
    const name = `${attack.name}, ${when}`;
    const exceeded = attack.maxPerturbation !== null && attack.maxPerturbation > attack.epsilon + FLOAT32_SLACK;
    return [
      ...attack.flags.map((flag) => `${name}: ${flag.replace(/\.$/, '')}.`),
      ...(exceeded ? [`${name}: the largest perturbation exceeds ε, so the figure holds for a stronger attack than stated.`] : []),
      ...((attack.nanCount ?? 0) > 0
        ? [`${name}: ${count(attack.nanCount ?? 0)} elements of the adversarial images are not numbers.`]
        : []),
    ];
  });
}

/** What the diagnostics found against a network. */
function diagnosed(when: string, { diagnostics }: EvaluationData): string[] {
  const against = diagnostics?.checks.filter(({ verdict }) => verdict === 'fail') ?? [];
  return against.map(({ finding }) => `Diagnostics, ${when}: ${finding.replace(/\.$/, '')}.`);
}

function uncompared(before: Figures, after: Figures, changes: Changes): string[] {
  const pairs = [
    ['Standard accuracy', before.standard, after.standard, changes.standard],
    ['Adversarial accuracy', before.adversarial, after.adversarial, changes.adversarial],
    ['Accuracy under corruptions', before.ood, after.ood, changes.ood],
  ] as const;
  return pairs.flatMap(([what, was, is, change]) =>
    was && is && !change
      ? [`${what} before and after was measured on different images or with different settings and is not compared.`]
      : [],
  );
}

function fewImages(before: Figures, changes: Changes): string[] {
  const change = changes.adversarial ?? changes.standard;
  if (!change) return [];
  const images = change.images;
  const half = before.data.adversarial ? (before.data.adversarial.ci95[1] - before.data.adversarial.ci95[0]) / 2 : change.standardError;
  const flips = (change.lost ?? 0) + (change.gained ?? 0);
  return [
    ...(images < FEW_IMAGES
      ? [`Only ${count(images)} images were judged: each accuracy is known to about ±${points(half, 1)} points.`]
      : []),
    ...(change.lost !== null && flips > 0 && flips < FEW_FLIPS
      ? [`Only ${flips} images changed their outcome under attack; read the exact McNemar p rather than the interval.`]
      : []),
  ];
}

/** Where only the number of images kept the rule from an alpha, not what was seen on them. */
export function fewSelectionImages(path: PathData | null): string[] {
  if (!path) return [];
  const chosen = path.points.find((point) => point.chosen);
  const undecided = path.points.filter(
    ({ allowed, standard, adversarialChange }) =>
      !allowed &&
      adversarialChange !== null &&
      adversarialChange.difference >= -path.margin &&
      chosen !== undefined &&
      standard.accuracy > chosen.standard.accuracy,
  );
  const [first] = undecided;
  if (!first?.adversarialChange) return [];
  const many = undecided.length === 1 ? 'alpha was' : `${undecided.length} alphas were`;
  return [
    `Alpha is careful for want of images: ${many} better on clean images and lost no more than the margin of ${points(path.margin, 2)} points under attack, ` +
      `but ${count(first.adversarialChange.images)} selection images cannot rule out a larger loss. More of them may allow a larger alpha.`,
  ];
}

function weakAttack(before: Figures, after: Figures): string[] {
  const attacks = [...(before.adversarial?.parts ?? []), ...(after.adversarial?.parts ?? [])];
  if (attacks.length === 0 || attacks.some(({ attack }) => isAutoAttack(attack.kind))) return [];
  return ['No AutoAttack was run: stronger attacks usually lower adversarial accuracy by a few more points, before and after alike.'];
}

function oodSubset(ood: EvaluationData['ood']): string[] {
  if (!ood || ood.corruptions.length >= 15) return [];
  const names = ood.corruptions.length <= 5 ? ` (${ood.corruptions.map(corruptionName).join(', ')})` : '';
  return [
    `Accuracy under corruptions is the mean over ${ood.corruptions.length} of CIFAR-C's 15${names}; published means over all 15 differ.`,
  ];
}

/** Which images the figures of a network come from, for table captions; empty when there are none. */
export function imagesOf(figures: Figures): string {
  const evaluation = figures.standard?.evaluation ?? figures.adversarial?.parts[0]?.evaluation;
  return evaluation ? imagesName(evaluation.images) : '';
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words[words.length - 1] ?? ''}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
