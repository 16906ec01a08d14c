import type { Accuracy } from '@rift/client';

/** A fraction as percent: 0.8146 becomes "81.46 %". */
export function percent(value: number, digits = 2): string {
  return `${(value * 100).toFixed(digits)} %`;
}

/** A difference of fractions in percentage points, always signed: "+1.98", "-0.10", "+0.00". */
export function points(difference: number): string {
  const text = (Math.abs(difference) * 100).toFixed(2);
  return `${difference < 0 && text !== '0.00' ? '-' : '+'}${text}`;
}

/** An accuracy with its interval: "81.46 % [80.69, 82.21]". */
export function accuracyText({ accuracy, ci95 }: Pick<Accuracy, 'accuracy' | 'ci95'>): string {
  return `${percent(accuracy)} [${(ci95[0] * 100).toFixed(2)}, ${(ci95[1] * 100).toFixed(2)}]`;
}

/** Seconds for people: "0.4 s", "12 s", "3 min 05 s", "2 h 07 min"; "?" when negative or unknown. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Bytes for people: "512 B", "1.2 kB", "43.7 MB". */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** A count with thin grouping: 11173962 becomes "11,173,962". */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** A radius in pixel units as it is usually written: "8/255" when it is a whole number of 255ths. */
export function radius(value: number): string {
  const steps = value * 255;
  return Math.abs(steps - Math.round(steps)) < 1e-6 ? `${Math.round(steps)}/255` : String(Number(value.toPrecision(4)));
}

/** The first twelve digits of a digest, enough for people. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12);
}
