import type { NetworkInfo, PreprocessInput } from './generated/index.js';

/** What somebody says about a network's file; nothing, '', 0 and null leave it to the file. */
export interface DeclaredNetwork {
  readonly arch?: string | undefined;
  readonly width?: number | undefined;
  readonly classes?: number | undefined;
  readonly inputSize?: number | undefined;
  readonly preprocess?: PreprocessInput | null | undefined;
}

/** One thing that was said and is not so. */
export interface Contradiction {
  readonly field: keyof DeclaredNetwork;
  /** What was said. */
  readonly value: string;
  /** What the file says, as the rule of an InvalidArgument. */
  readonly rule: string;
}

/** Values of a normalisation that differ by less are the same: float32 and printed decimals meet here. */
const SAME = 1e-6;

/** All that was said of a network and contradicts the manifest that its file carries. */
export function contradictions(info: NetworkInfo, declared: DeclaredNetwork): Contradiction[] {
  const { arch = '', width = 0, classes = 0, inputSize = 0, preprocess } = declared;
  const said = (field: keyof DeclaredNetwork, value: string | number, own: string | number): Contradiction[] =>
    value === '' || value === 0 || value === own ? [] : [contradiction(field, String(value), String(own))];
  const own = info.preprocess ?? { name: 'none', mean: [], standardDeviation: [] };
  return [
    ...said('arch', arch, info.arch),
    ...said('width', width, info.width),
    ...said('classes', classes, info.classes),
    ...said('inputSize', inputSize, info.inputSize),
    ...(preprocess && !isSame(preprocess, own) ? [contradiction('preprocess', inWords(preprocess), inWords(own))] : []),
  ];
}

function contradiction(field: keyof DeclaredNetwork, value: string, own: string): Contradiction {
  return { field, value, rule: `must be left out or be ${own}: the file is a network artifact, and its manifest says so` };
}

/** A name stands for its numbers; without a name the numbers count. */
function isSame(a: PreprocessInput, b: PreprocessInput): boolean {
  if (a.name === b.name && a.name !== 'custom') return true;
  const numbers = ({ mean = [], standardDeviation = [] }: PreprocessInput): number[] =>
    [...(mean ?? []), ...(standardDeviation ?? [])].map(Number);
  const [some, others] = [numbers(a), numbers(b)];
  return some.length > 0 && some.length === others.length && some.every((value, at) => Math.abs(value - (others[at] ?? NaN)) < SAME);
}

function inWords({ name, mean, standardDeviation }: PreprocessInput): string {
  return name === 'custom' ? `${(mean ?? []).join(',')}/${(standardDeviation ?? []).join(',')}` : (name ?? '');
}
