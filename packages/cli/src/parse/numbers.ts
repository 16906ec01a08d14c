import { usageError } from '../errors.js';

const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/** Bounds of a number; both ends belong to it unless `above` is given. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  /** Exclusive lower bound. */
  readonly above?: number;
}

function rule({ min, max, above }: Bounds): string {
  const low = above === undefined ? (min === undefined ? '' : `at least ${min}`) : `greater than ${above}`;
  const high = max === undefined ? '' : `at most ${max}`;
  return [low, high].filter((part) => part !== '').join(' and ');
}

function within(value: number, { min, max, above }: Bounds): boolean {
  return (min === undefined || value >= min) && (max === undefined || value <= max) && (above === undefined || value > above);
}

/** Parser of a whole number for the option `what`; throws a usage error that names option, value and rule. */
export function integer(what: string, bounds: Bounds = { min: 0 }): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value)) throw usageError(`${what} ${JSON.stringify(text)} is not a whole number.`);
    if (!within(value, bounds)) throw usageError(`${what} ${text} is out of range: it must be ${rule(bounds)}.`);
    return value;
  };
}

/** Parser of a decimal number or a fraction such as 8/255; throws a usage error that names option, value and rule. */
export function decimal(what: string, bounds: Bounds = {}): (text: string) => number {
  return (text) => {
    const value = parseFraction(text.trim());
    if (value === undefined)
      throw usageError(`${what} ${JSON.stringify(text)} is not a number. Write a decimal (0.031) or a fraction (8/255).`);
    if (!within(value, bounds)) throw usageError(`${what} ${text} is out of range: it must be ${rule(bounds)}.`);
    return value;
  };
}

/** A decimal or a fraction of two decimals; undefined when it is neither, or the denominator is 0. */
function parseFraction(text: string): number | undefined {
  const parts = text.split('/');
  if (parts.length > 2 || !parts.every((part) => DECIMAL.test(part.trim()))) return undefined;
  const [numerator, denominator] = parts.map(Number);
  if (numerator === undefined) return undefined;
  const value = denominator === undefined ? numerator : numerator / denominator;
  return Number.isFinite(value) ? value : undefined;
}

/**
 * Parser of a radius in pixel units of [0, 1]. More than 1 in the L∞ norm reaches every picture, so a value such as 8 is
 * a slip for 8/255 and is refused with that hint.
 */
export function epsilon(what: string): (text: string) => number {
  const parse = decimal(what, { min: 0 });
  return (text) => {
    const value = parse(text);
    if (value > 1 && Number.isInteger(value) && value <= 255) {
      throw usageError(`${what} ${text} is larger than the whole pixel range [0, 1]. Did you mean ${text}/255?`);
    }
    return value;
  };
}

/** Parser of a share given as a fraction in [0, 1]; a percentage such as 45 is refused with a hint. */
export function fraction(what: string): (text: string) => number {
  const parse = decimal(what, { min: 0 });
  return (text) => {
    const value = parse(text);
    if (value > 1) throw usageError(`${what} ${text} is not a fraction in [0, 1]. Did you mean ${value / 100}?`);
    return value;
  };
}

/**
 * Positions on the line between two networks: `0:1:0.1` (first:last:step) or a list `0,0.25,1`. Values are rounded to
 * twelve decimals, so that 0.1 + 0.2 is 0.3. The result rises, without repeats, and holds 0 and 1, which the choice of
 * alpha needs.
 *
 * @throws a usage error
 */
export function alphas(what: string): (text: string) => number[] {
  const point = decimal(what, { min: 0, max: 1 });
  return (text) => {
    const range = text.split(':');
    if (range.length === 1) return withEnds(text.split(',').map(point));
    if (range.length !== 3) throw usageError(`${what} ${JSON.stringify(text)} must be FIRST:LAST:STEP (0:1:0.1) or a list (0,0.5,1).`);
    const first = point(range[0] ?? '');
    const last = point(range[1] ?? '');
    const step = decimal(`${what} step`, { min: 0.001, max: 1 })(range[2] ?? '');
    if (last < first) throw usageError(`${what} ${text} ends before it begins.`);
    const count = Math.floor((last - first) / step + 1e-9);
    return withEnds(Array.from({ length: count + 1 }, (_, index) => first + index * step));
  };
}

function withEnds(points: number[]): number[] {
  const rounded = [0, ...points, 1].map((value) => Math.round(value * 1e12) / 1e12);
  return [...new Set(rounded)].sort((a, b) => a - b);
}
