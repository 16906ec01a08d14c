import type { Timestamp } from '@rift/contracts';

/** A time as protobuf spells it; null stays null. */
export function timestampOf(date: Date): Timestamp;
export function timestampOf(date: Date | null): Timestamp | null;
export function timestampOf(date: Date | null): Timestamp | null {
  if (date === null) return null;
  const milliseconds = date.getTime();
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: (milliseconds - 1000 * seconds) * 1_000_000 };
}
