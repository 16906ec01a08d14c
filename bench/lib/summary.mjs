// From single measurements to medians and ratios.

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Medians and spread of one side. */
export function summarise(side, measurements) {
  const seconds = measurements.map((one) => one.seconds);
  const last = measurements.at(-1);
  const peaks = measurements.map((one) => one.peakMiB).filter((peak) => peak !== undefined);
  return {
    name: side.name,
    side: side.side,
    ...(side.point && { point: side.point }),
    seconds: median(seconds),
    fastest: Math.min(...seconds),
    slowest: Math.max(...seconds),
    ...(last.images !== undefined && { imagesPerSecond: ((side.copies ?? 1) * last.images) / median(seconds) }),
    ...(peaks.length > 0 && { peakMiB: Math.max(...peaks) }),
    ...Object.fromEntries(
      ['accuracy', 'stages', 'loss', 'mrc', 'growthMiB'].filter((key) => last[key] !== undefined).map((key) => [key, last[key]]),
    ),
  };
}

/**
 * Ratio of each variant to the row's baseline, the fastest peer where it names none, beside its target. Rounds that
 * alternate in one process are compared round by round.
 */
export function ratiosOf(row, sides, measurements) {
  const peers = sides.filter(({ name, side }) => (row.baseline === undefined ? side === 'peer' : name === row.baseline));
  const base = peers.sort((a, b) => b.imagesPerSecond - a.imagesPerSecond)[0];
  return (row.targets ?? []).map(([name, target]) => {
    const ours = sides.find((side) => side.name === name);
    if (row.script === undefined) return { name, against: base.name, ratio: ours.imagesPerSecond / base.imagesPerSecond, target };
    const at = (wanted) => measurements[sides.findIndex((side) => side.name === wanted)];
    const pairs = at(name).map((one, round) => at(base.name)[round].seconds / one.seconds);
    return { name, against: base.name, ratio: median(pairs), lowest: Math.min(...pairs), highest: Math.max(...pairs), target };
  });
}

/** Largest relative gap between the MRC of two sides over their modules, and the module. */
export function mrcGap(ours, theirs) {
  const gaps = Object.keys(theirs).map((name) => ({ module: name, gap: ours[name] / theirs[name] - 1 }));
  return { lowest: gaps.reduce((a, b) => (b.gap < a.gap ? b : a)), highest: gaps.reduce((a, b) => (b.gap > a.gap ? b : a)) };
}
