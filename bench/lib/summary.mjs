// From single measurements to medians, ratios and the table of the documentation.

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Medians and spread of one side. */
export function summarise(side, measurements) {
  const seconds = measurements.map((one) => one.seconds);
  const last = measurements.at(-1);
  return {
    name: side.name,
    side: side.side,
    seconds: median(seconds),
    fastest: Math.min(...seconds),
    slowest: Math.max(...seconds),
    imagesPerSecond: last.images / median(seconds),
    peakMiB: Math.max(...measurements.map((one) => one.peakMiB)),
    ...(last.accuracy !== undefined && { accuracy: last.accuracy }),
    ...(last.loss !== undefined && { loss: last.loss }),
    ...(last.mrc !== undefined && { mrc: last.mrc }),
  };
}

/** Ratio of each variant of ours to the fastest peer, beside its target. */
export function ratiosOf(row, sides) {
  const peer = sides.filter(({ side }) => side === 'peer').sort((a, b) => a.seconds - b.seconds)[0];
  return row.targets.map(([name, target]) => {
    const ours = sides.find((side) => side.name === name);
    return { name, peer: peer.name, ratio: peer.seconds / ours.seconds, target };
  });
}

const figure = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

/** The rows as a Markdown table. */
export function table(rows) {
  const lines = [
    '| work | side | seconds (fastest–slowest) | images/s | peak memory | accuracy | × fastest peer | target |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const { title, sides, ratios } of rows) {
    for (const [index, side] of sides.entries()) {
      const ratio = ratios.find(({ name }) => side.side === 'ours' && name === side.name);
      const cells = [
        index === 0 ? title : '',
        side.side === 'ours' ? `**RiFT, ${side.name}**` : side.name,
        `${figure(side.seconds)} (${figure(side.fastest)}–${figure(side.slowest)})`,
        figure(side.imagesPerSecond),
        `${Math.round(side.peakMiB)} MiB`,
        side.accuracy === undefined ? '' : `${(100 * side.accuracy).toFixed(1)} %`,
        ratio === undefined ? '' : `${ratio.ratio.toFixed(2)}`,
        ratio === undefined ? '' : `${ratio.target}`,
      ];
      lines.push(`| ${cells.join(' | ')} |`);
    }
  }
  return lines.join('\n');
}
