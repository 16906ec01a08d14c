import { csvFiles } from './csv.js';
import { buildData } from './data/build.js';
import type { ReportData } from './data/types.js';
import type { ReportInput } from './input.js';
import { markdownReport } from './markdown.js';
import { modelCard } from './model-card.js';
import { renderPage } from './page/page.js';
import { SPEC_FILE, specFile } from './spec-file.js';

/** A finished report in all its forms. */
export interface Report {
  /** One self-contained file: no network, no script. */
  readonly html: string;
  /** {@link data} as text. */
  readonly json: string;
  /** Every figure and sentence, with stable field names. */
  readonly data: ReportData;
  readonly markdown: string;
  /** Model card of the resulting network with hub metadata. */
  readonly modelCard: string;
  /** Tables by file name. */
  readonly csv: Readonly<Record<string, string>>;
  /** The verdict in words. */
  readonly verdict: string;
}

/**
 * Makes the report of a run. Pure: the same input gives the same bytes. Stages that the plan does not have leave their
 * sections out.
 *
 * Takes seconds for 10,000 images, most of it for the bootstrap; a service calls renderReport, which computes in a thread of its own.
 *
 * @throws InvalidArgument when a result contradicts itself (an outcome whose count is not that of its bytes).
 */
export function buildReport(input: ReportInput): Report {
  const data = buildData(input);
  const json = `${JSON.stringify(data, null, 2)}\n`;
  const markdown = markdownReport(data);
  const card = modelCard(data);
  const csv = csvFiles(data, input);
  const html = renderPage(data, input, card, [
    { name: 'report.json', type: 'application/json', text: json },
    { name: 'report.md', type: 'text/markdown', text: markdown },
    { name: 'model-card.md', type: 'text/markdown', text: card },
    { name: SPEC_FILE, type: 'application/json', text: specFile(data) },
    ...Object.entries(csv).map(([name, text]) => ({ name, type: 'text/csv', text })),
  ]);
  return { html, json, data, markdown, modelCard: card, csv, verdict: data.verdict };
}
