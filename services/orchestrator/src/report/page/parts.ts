import type { AccuracyData, ChangeData, Ends, OodData } from '../data/types.js';
import { count, decimalsFor, decimalsOf, percent, percentRange, pointsRange, pValue, significant, signedPoints } from '../format.js';
import { html, type Content, type Html } from './html.js';

/** A section of the page with the anchor that the contents link to. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Content;
}

/** Markup of a section. */
export function section({ id, title, body }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    ${body}
  </section>`;
}

/** A table of rows of cells; the first cell of a row names it. Wide tables scroll within their own frame. */
export interface Table {
  readonly caption: string;
  readonly head: readonly Content[];
  readonly rows: readonly (readonly Content[])[];
  /** Columns from the left that hold words, 1 by default; words stand left, numbers right. */
  readonly wordColumns?: number;
}

/** Markup of a table. */
export function table({ caption, head, rows, wordColumns = 1 }: Table): Html {
  const kind = (column: number): string => (column < wordColumns ? 'word' : 'number');
  return html`<section class="scroll" aria-label="${caption}" tabindex="0">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head.map((cell, i) => (cell === '' ? html`<td></td>` : html`<th scope="col" class="${kind(i)}">${cell}</th>`))}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([first, ...cells]) =>
            html`<tr>
              <th scope="row">${first}</th>
              ${cells.map((cell, i) => html`<td class="${kind(i + 1)}">${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </section>`;
}

/** Text of a number with its exact value, as the JSON report has it, for machines. */
export function exact(value: number, text: string): Html {
  return html`<data value="${value}">${text}</data>`;
}

/** An exact number in three significant digits; a dash where there is none. */
export function number(value: number | null): Html {
  return value === null ? html`–` : exact(value, significant(value));
}

/** An exact whole number. */
export function whole(value: number): Html {
  return exact(value, count(value));
}

/** "83.4 %" with its interval below, and the counts where they are images rather than corrupted copies. */
export function accuracyCell(figure: AccuracyData | OodData | null): Html {
  if (!figure) return html`–`;
  const decimals = decimalsOf(figure);
  return html`<span class="value">${exact(figure.accuracy, percent(figure.accuracy, decimals))}</span
    ><small
      >${interval(figure.ci95, percentRange(figure.ci95, decimals))}${
        !('images' in figure) && html`<span class="of">${count(figure.correct)} of ${count(figure.total)}</span>`
      }</small
    >`;
}

/** "+1.9" with its paired interval below; significance is said by sign, weight and words, not by colour alone. */
export function changeCell(change: ChangeData | null): Html {
  if (!change) return html`<span class="quiet">not compared</span>`;
  const decimals = decimalsFor(change.images);
  return html`<span class="value ${toneOf(change)}">${exact(change.difference, signedPoints(change.difference, decimals))}</span
    ><small>${interval(change.ci95, pointsRange(change.ci95, decimals))}</small>`;
}

/** Exact McNemar p with the flips it rests on. */
export function mcnemarCell(change: ChangeData | null): Html {
  if (!change || change.mcnemarP === null) return html`–`;
  return html`<span class="value">${exact(change.mcnemarP, pValue(change.mcnemarP))}</span
    ><small>${count(change.lost ?? 0)} lost, ${count(change.gained ?? 0)} gained</small>`;
}

/** Class of a change: gain, loss or nothing significant. */
export function toneOf(change: ChangeData): 'gain' | 'loss' | 'same' {
  if (!change.significant) return 'same';
  return change.difference > 0 ? 'gain' : 'loss';
}

/** A digest, shortened for the eye, whole for copying. */
export function digest(value: string): Html {
  return html`<code class="digest">${value}</code>`;
}

/** A list of names and values. */
export function facts(entries: readonly (readonly [string, Content])[]): Html {
  return html`<dl>
    ${entries.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

function interval([low, high]: Ends, text: string): Html {
  return html`<span class="ci" data-low="${low}" data-high="${high}">${text}</span>`;
}
