import type { ReportData } from '../data/types.js';
import { moment } from '../format.js';
import type { ReportInput } from '../input.js';
import { attacksSection, corruptionsSection } from './robustness.js';
import { classesSection } from './classes.js';
import { trainingSection } from './epochs.js';
import { gallerySection } from './gallery.js';
import { glossarySection } from './glossary.js';
import { html, Html, squeeze } from './html.js';
import { criticalitySection, fineTuneSection, pathSection } from './method.js';
import { accuraciesSection, verdictBlock } from './overview.js';
import { section } from './parts.js';
import { provenanceSection } from './provenance.js';
import { STYLES } from './styles.js';

/** A file that the page offers for download, inside the page itself. */
export interface Attachment {
  readonly name: string;
  readonly type: string;
  readonly text: string;
}

/** Nothing may be loaded or run: the page shows what it holds, whatever a name in it contains. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** The report as one HTML file that needs no network and no script. */
export function renderPage(data: ReportData, input: ReportInput, modelCard: string, attachments: readonly Attachment[]): string {
  const sections = [
    accuraciesSection(data),
    trainingSection(data),
    criticalitySection(data),
    fineTuneSection(data),
    pathSection(data),
    corruptionsSection(data),
    classesSection(data),
    attacksSection(data),
    gallerySection(input),
    provenanceSection(data),
    {
      id: 'model-card',
      title: 'Model card',
      body: html`<p>Text for the README of the resulting network, with the metadata that model hubs read.</p>
        <pre tabindex="0"><code>${modelCard}</code></pre>`,
    },
    glossarySection(),
  ].filter((entry) => entry !== undefined);
  const title = `Robustness report: ${data.name === '' ? data.runId : data.name}`;
  const network = data.provenance.network;
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
      <meta name="color-scheme" content="light dark" />
      <meta name="description" content="${data.verdict}" />
      <title>${title}</title>
      <style>
        ${new Html(STYLES)}
      </style>
    </head>
    <body>
      <a class="skip" href="#content">Skip to the content</a>
      <header>
        <h1>${title}</h1>
        <p class="meta">
          ${network && html`${network.name === '' ? network.arch : `${network.name} (${network.arch}, width ${network.width})`} · `}
          ${data.provenance.dataset && html`${data.provenance.dataset.name} · `} profile ${data.provenance.profile} ·
          ${moment(data.provenance.generatedAt)}
        </p>
      </header>
      <nav aria-label="Contents">
        <ul>
          ${sections.map(({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`)}
        </ul>
      </nav>
      <main id="content">
        ${verdictBlock(data)} ${sections.map(section)}
        <section id="files" aria-labelledby="files-title">
          <h2 id="files-title">All figures as files</h2>
          <ul class="downloads">
            ${attachments.map(
              ({ name, type, text }) =>
                html`<li>
                  <a download="${name}" href="data:${type};charset=utf-8;base64,${Buffer.from(text).toString('base64')}">${name}</a>
                </li>`,
            )}
          </ul>
        </section>
      </main>
      <footer>
        Method: RiFT, “Improving Generalization of Adversarial Training via Robust Critical Fine-Tuning” (ICCV 2023). This file is complete:
        it loads nothing and runs no script.
      </footer>
    </body>
  </html>`;
  // Templates are indented for reading; a page need not be, but preformatted text keeps its lines.
  return `<!doctype html>\n${squeeze(page.text)}\n`;
}
