/** Colours of series, told apart by readers who see no red or green too (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'] as const;

const WIDTH = 720;
const HEIGHT = 440;
const MARGIN = { left: 64, right: 16, top: 40, bottom: 52 } as const;

/** A line of points. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly marked: boolean }[];
}

/** Text as it may stand in SVG. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** A linear scale that takes in all values, with some room at both ends. */
function scaleOf(values: readonly number[], from: number, to: number): (value: number) => number {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = (high - low || 1) * 0.06;
  return (value) => from + ((value - low + room) / (high - low + 2 * room)) * (to - from);
}

/** Round values to label an axis by. */
function ticksOf(values: readonly number[]): number[] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const rough = (high - low || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(1, Math.floor(high / step) - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

function text(x: number, y: number, content: string, more = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escapeXml(content)}</text>`;
}

function frame(body: string, title: string, width = WIDTH, height = HEIGHT): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" role="img">` +
    `<title>${escapeXml(title)}</title><rect width="${width}" height="${height}" fill="#fff"/>${text(MARGIN.left, 22, title, 'font-size="14" font-weight="bold"')}${body}</svg>\n`
  );
}

/** Lines of points over two numeric axes; the marked point of each line is larger. */
export function lineChart(title: string, labels: { readonly x: string; readonly y: string }, series: readonly Series[]): string {
  const all = series.flatMap(({ points }) => points);
  const xs = all.map(({ x }) => x);
  const ys = all.map(({ y }) => y);
  const [right, bottom] = [WIDTH - MARGIN.right, HEIGHT - MARGIN.bottom];
  const x = scaleOf(xs, MARGIN.left, right);
  const y = scaleOf(ys, bottom, MARGIN.top);
  const grid = [
    ...ticksOf(xs).map(
      (tick) =>
        `<line x1="${x(tick).toFixed(1)}" x2="${x(tick).toFixed(1)}" y1="${MARGIN.top}" y2="${bottom}" stroke="#ddd"/>${text(x(tick), bottom + 18, String(tick), 'text-anchor="middle"')}`,
    ),
    ...ticksOf(ys).map(
      (tick) =>
        `<line x1="${MARGIN.left}" x2="${right}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}" stroke="#ddd"/>${text(MARGIN.left - 8, y(tick) + 4, String(tick), 'text-anchor="end"')}`,
    ),
  ].join('');
  const lines = series.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? '#000';
    const path = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ');
    const dots = points.map(
      (point) => `<circle cx="${x(point.x).toFixed(1)}" cy="${y(point.y).toFixed(1)}" r="${point.marked ? 6 : 3}" fill="${colour}"/>`,
    );
    const legend = `<rect x="${MARGIN.left + 10}" y="${bottom - 18 * (series.length - index)}" width="12" height="4" fill="${colour}"/>${text(MARGIN.left + 28, bottom - 18 * (series.length - index) + 6, name)}`;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>${dots.join('')}${legend}`;
  });
  const axes =
    text((MARGIN.left + right) / 2, HEIGHT - 12, labels.x, 'text-anchor="middle"') +
    text(16, (MARGIN.top + bottom) / 2, labels.y, `text-anchor="middle" transform="rotate(-90 16 ${(MARGIN.top + bottom) / 2})"`);
  return frame(grid + lines.join('') + axes, title);
}

/** Two rows of bars, one a name, as in the paper's figure 3: each row has a scale of its own. */
export function barRows(
  title: string,
  names: readonly string[],
  rows: readonly { readonly label: string; readonly values: readonly number[]; readonly digits: number }[],
): string {
  const bar = 30;
  const [row, foot] = [130, 150];
  const width = MARGIN.left + names.length * bar + MARGIN.right;
  const body = rows.map(({ label, values, digits }, index) => {
    const base = MARGIN.top + (index + 1) * row;
    const most = Math.max(...values, Number.MIN_VALUE);
    const bars = values.map((value, at) => {
      const height = (Math.max(0, value) / most) * (row - 40);
      const left = MARGIN.left + at * bar;
      return (
        `<rect x="${left + 4}" y="${(base - height).toFixed(1)}" width="${bar - 8}" height="${height.toFixed(1)}" fill="${COLOURS[index % COLOURS.length] ?? '#000'}"/>` +
        text(left + bar / 2, base - height - 4, value.toFixed(digits), 'text-anchor="middle" font-size="9"')
      );
    });
    return (
      bars.join('') + text(14, base - (row - 40) / 2, label, `text-anchor="middle" transform="rotate(-90 14 ${base - (row - 40) / 2})"`)
    );
  });
  const bottom = MARGIN.top + rows.length * row;
  const feet = names.map((name, at) => {
    const x = MARGIN.left + at * bar + bar / 2 + 4;
    return text(x, bottom + 12, name, `text-anchor="end" font-size="10" transform="rotate(-60 ${x} ${bottom + 12})"`);
  });
  return frame(body.join('') + feet.join(''), title, width, bottom + foot);
}
