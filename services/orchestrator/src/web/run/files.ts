import type { Run } from '@rift/contracts';
import { csvFiles } from '../../report/csv.js';
import { markdownReport } from '../../report/markdown.js';
import { modelCard } from '../../report/model-card.js';
import { html, type Content } from '../../report/page/html.js';
import { section } from '../../report/page/parts.js';
import { SPEC_FILE, specFile } from '../../report/spec-file.js';
import { runPath } from '../words.js';
import type { RunModel } from './model.js';
import type { Rights } from './page.js';

/** A file of a run's figures, made when it is asked for. */
export interface RunFile {
  readonly type: string;
  readonly text: string;
}

/** The report's figures in other forms, by file name; empty without figures. */
export function figureFiles({ data, input, isReport }: RunModel): Map<string, () => RunFile> {
  const files = new Map<string, () => RunFile>();
  if (!data || !input) return files;
  if (isReport) {
    files.set('report.json', () => ({ type: 'application/json', text: `${JSON.stringify(data, null, 2)}\n` }));
    files.set('report.md', () => ({ type: 'text/markdown', text: markdownReport(data) }));
    files.set('model-card.md', () => ({ type: 'text/markdown', text: modelCard(data) }));
    files.set(SPEC_FILE, () => ({ type: 'application/json', text: specFile(data) }));
  }
  for (const [name, text] of Object.entries(csvFiles(data, input))) files.set(name, () => ({ type: 'text/csv', text }));
  return files;
}

/** What a run made that can be taken away. */
export function filesSection(model: RunModel, { maySubmit }: Rights): Content {
  const { run } = model;
  const made = artifactsOf(run);
  const names = [...figureFiles(model).keys()];
  const network = networkMade(run);
  if (made.length === 0 && names.length === 0) return null;
  const isReported = run.stages.some(({ result }) => result?.report);
  return section({
    id: 'files',
    title: 'Take it with you',
    body: html`${
      network !== undefined &&
      html`<h3>Resulting network</h3>
        <ul class="downloads">
          ${
            maySubmit &&
            html`<li>${exportForm(network, 'EXPORT_FORMAT_PTH', 'For PyTorch (.pth)')}</li>
              <li>${exportForm(network, 'EXPORT_FORMAT_SAFETENSORS', 'Plain .safetensors')}</li>`
          }
          <li><a href="/files/${network}?name=network.safetensors">With its manifest</a></li>
          <li><a href="/networks/${network}">What is in it</a></li>
        </ul>`
    }
    ${
      (isReported || names.length > 0) &&
      html`<h3>Figures</h3>
        <ul class="downloads">
          ${isReported && html`<li><a href="${runPath(run.id, '/report')}?download=1">report.html</a></li>`}
          ${names.map((name) => html`<li><a href="${runPath(run.id, `/files/${name}`)}">${name}</a></li>`)}
        </ul>`
    }
    ${
      made.length > 0 &&
      html`<h3>What the stages made</h3>
        <ul class="downloads">
          ${made.map(
            ({ stage, digest, file }) =>
              html`<li>
                <a href="/files/${digest}?name=${file}">${file} <small>${stage}</small></a>
              </li>`,
          )}
        </ul>`
    }`,
  });
}

function exportForm(network: string, format: string, words: string): Content {
  return html`<form method="post" action="/networks/${network}/export">
    <input type="hidden" name="format" value="${format}" /><button>${words}</button>
  </form>`;
}

function artifactsOf(run: Run): { stage: string; digest: string; file: string }[] {
  return run.stages.flatMap(({ id, result }) => {
    const craft = result?.craft?.digest;
    const network = result?.fineTune?.digest ?? result?.interpolate?.digest ?? result?.train?.digest;
    const corrupted = result?.corrupt?.digest;
    if (craft !== undefined) return [{ stage: id, digest: craft, file: 'adversarial-set.safetensors' }];
    if (network !== undefined) return [{ stage: id, digest: network, file: 'network.safetensors' }];
    return corrupted === undefined ? [] : [{ stage: id, digest: corrupted, file: 'corrupted-split.safetensors' }];
  });
}

/** The network that a run ended with. */
export function networkMade(run: Run): string | undefined {
  const of = (pick: (result: NonNullable<Run['stages'][number]['result']>) => string | undefined): string | undefined =>
    run.stages.flatMap(({ result }) => (result ? [pick(result)] : [])).findLast((digest) => digest !== undefined);
  return of(({ interpolate }) => interpolate?.digest) ?? of(({ fineTune }) => fineTune?.digest) ?? of(({ train }) => train?.digest);
}
