import { plot, type PlotOptions } from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { html, Html } from '../page/html.js';

/** Widths a chart is drawn at: its text keeps its size, so that it is readable on a phone too. */
const WIDTHS = { wide: 890, narrow: 350 } as const;

/** Which of the two drawings is made. */
export interface Canvas {
  readonly width: number;
  readonly isNarrow: boolean;
}

/** A chart in words and marks. */
export interface Chart {
  readonly title: string;
  /** What the chart shows, for those who do not see it. */
  readonly alt: string;
  /** One sentence below it; says how to read it. */
  readonly caption: string;
  readonly legend?: readonly LegendEntry[];
  readonly draw: (canvas: Canvas) => Omit<PlotOptions, 'width' | 'document' | 'className'>;
}

/** A sign of a chart and what it stands for. */
export interface LegendEntry {
  readonly colour: string;
  readonly shape: 'line' | 'dashed' | 'dot' | 'ring' | 'bar' | 'band';
  readonly label: string;
}

/** Colours, defined for light and dark in the page's style sheet. Blue and orange differ for every kind of colour vision. */
export const COLOUR = {
  standard: 'var(--standard)',
  adversarial: 'var(--adversarial)',
  ood: 'var(--ood)',
  chosen: 'var(--chosen)',
  tied: 'var(--tied)',
  quiet: 'var(--quiet)',
  text: 'var(--text)',
  grid: 'var(--grid)',
  paper: 'var(--paper)',
} as const;

/** The little of an element's interface that is used here; Node.js has no DOM types. */
interface Drawing {
  readonly outerHTML: string;
  remove(): void;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  querySelector(selector: string): Drawing | null;
  querySelectorAll(selector: string): Iterable<Drawing>;
}

/** Attributes whose numbers are places on the drawing; hundredths of a pixel are enough there. */
const COORDINATES = / (?:d|x|y|x1|x2|y1|y2|cx|cy|width|height|transform)="[^"]*"/g;

/** Draws a chart as a figure of plain SVG: no script, no style of its own. */
export function figure(chart: Chart): Html {
  return html`<figure class="chart">
    <h3>${chart.title}</h3>
    ${chart.legend && legend(chart.legend)} ${drawing(chart, 'wide')} ${drawing(chart, 'narrow')}
    <figcaption>${chart.caption}</figcaption>
  </figure>`;
}

function drawing(chart: Chart, kind: keyof typeof WIDTHS): Html {
  // A document of its own for every drawing: Plot needs one to make elements in.
  const { document } = parseHTML('<!doctype html><html><body></body></html>') as { readonly document: unknown };
  const width = WIDTHS[kind];
  const svg = plot({
    ...chart.draw({ width, isNarrow: kind === 'narrow' }),
    width,
    document,
    className: 'drawing',
  }) as Drawing;
  svg.querySelector('style')?.remove();
  svg.setAttribute('class', kind);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', chart.alt);
  svg.setAttribute('font-size', '12');
  // The drawing is one picture with one description; its parts need no names of their own.
  for (const element of svg.querySelectorAll('[aria-label],[aria-description],[aria-hidden]')) {
    for (const name of ['aria-label', 'aria-description', 'aria-hidden']) element.removeAttribute(name);
  }
  return new Html(svg.outerHTML.replace(COORDINATES, (attribute) => attribute.replace(/(\d\.\d{2})\d+/g, '$1')));
}

function legend(entries: readonly LegendEntry[]): Html {
  return html`<ul class="legend">
    ${entries.map(({ colour, shape, label }) => html`<li>${key(shape, colour)}${label}</li>`)}
  </ul>`;
}

function key(shape: LegendEntry['shape'], colour: string): Html {
  const parts: Readonly<Record<LegendEntry['shape'], Html>> = {
    line: html`<path d="M1 6h20" stroke="${colour}" stroke-width="2.5" />`,
    dashed: html`<path d="M1 6h20" stroke="${colour}" stroke-width="2" stroke-dasharray="4 3" />`,
    dot: html`<circle cx="11" cy="6" r="4.5" fill="${colour}" />`,
    ring: html`<circle cx="11" cy="6" r="4" fill="none" stroke="${colour}" stroke-width="2" />`,
    bar: html`<rect x="2" y="1" width="18" height="10" rx="1" fill="${colour}" />`,
    band: html`<rect x="1" y="1" width="20" height="10" fill="${colour}" opacity="0.25" />`,
  };
  return html`<svg class="key" viewBox="0 0 22 12" width="22" height="12" aria-hidden="true">${parts[shape]}</svg>`;
}
