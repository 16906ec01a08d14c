import type { AccuracyData, ChangeData, Ends, OodData } from './data/types.js';

const MINUS = '\u2212';
const NARROW_SPACE = '\u202f';

/** Images from which on accuracies are written with two decimals: below, one image is more than 0.05 points. */
const TWO_DECIMALS_FROM = 2000;

/** Decimals of a percentage over so many images. */
export function decimalsFor(images: number): 1 | 2 {
  return images >= TWO_DECIMALS_FROM ? 2 : 1;
}

/** Decimals of an accuracy; of a mean over corruptions the images count, not their copies. */
export function decimalsOf(figure: AccuracyData | OodData): 1 | 2 {
  return decimalsFor('images' in figure ? figure.images : figure.total);
}

/** A fraction as percent: 0.834 → "83.4 %". */
export function percent(fraction: number, decimals: number): string {
  return `${fixed(100 * fraction, decimals)}${NARROW_SPACE}%`;
}

/** A difference of fractions as signed points: 0.019 → "+1.9"; what rounds to zero has no sign. */
export function signedPoints(fraction: number, decimals: number): string {
  const text = fixed(100 * fraction, decimals);
  return fraction > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** A length in points without a sign: 0.005 → "0.5". */
export function points(fraction: number, decimals: number): string {
  return fixed(Math.abs(100 * fraction), decimals);
}

/** A signed interval in points: "+1.1 to +2.7". */
export function pointsRange([low, high]: Ends, decimals: number): string {
  return `${signedPoints(low, decimals)} to ${signedPoints(high, decimals)}`;
}

/** An interval of fractions as percent: "82.1–84.6 %". */
export function percentRange([low, high]: Ends, decimals: number): string {
  return `${fixed(100 * low, decimals)}–${fixed(100 * high, decimals)}${NARROW_SPACE}%`;
}

/** A change with its interval in words: "+1.9 points (95 % CI +1.1 to +2.7)". */
export function changeInWords(change: ChangeData): string {
  const decimals = decimalsFor(change.images);
  return `${signedPoints(change.difference, decimals)} points (95${NARROW_SPACE}% CI ${pointsRange(change.ci95, decimals)})`;
}

/** Label of a tick of an axis in signed points, with as many decimals as its value needs. */
export function pointTick(value: number): string {
  const decimals = [0, 1, 2].find((digits) => Math.abs(value - Number(value.toFixed(digits))) < 1e-6) ?? 3;
  return signedPoints(value / 100, decimals);
}

/** Text for where narrow spaces may be drawn badly: files, terminals. */
export function plainSpaces(text: string): string {
  return text.replaceAll(NARROW_SPACE, ' ');
}

/** A p-value: "0.032", "< 0.001", "1.000". */
export function pValue(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

/** A fixed number of decimals with a true minus sign and no "−0.0". */
export function fixed(value: number, decimals: number): string {
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? `${MINUS}${text}` : text;
}

/** A number in at least three significant digits, without an exponent where it is readable so. */
export function significant(value: number | null, digits = 3): string {
  if (value === null) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  const isPlain = size >= 1e-4 && size < 1e6;
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  const text = !isPlain ? size.toExponential(digits - 1) : decimals === 0 ? count(Math.round(size)) : size.toFixed(decimals);
  return value < 0 ? `${MINUS}${text}` : text;
}

/** A whole number with commas between thousands. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Seconds for people: "8.1 s", "3 min 20 s", "2 h 5 min". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? fixed(seconds, 1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (seconds < 3600) {
    const whole = Math.round(seconds);
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A CIFAR-C name as words: "gaussian_noise" → "Gaussian noise". */
export function corruptionName(name: string): string {
  const words = name.replaceAll('_', ' ').replace('jpeg', 'JPEG');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A time for people, in UTC: "2026-03-01 14:05 UTC". */
export function moment(iso: string | null): string {
  return iso === null ? '–' : `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
