import type { DatasetEntry } from '@rift/contracts';
import { count, moment } from '../../report/format.js';
import { html, type Content, type Html } from '../../report/page/html.js';
import { digest, facts, section, table, whole } from '../../report/page/parts.js';
import { isoTime } from '../../rest/encode.js';
import { selectField, textField, wrongNotice, type FormState } from '../forms/fields.js';
import type { Page } from '../layout.js';
import { confirmed, type Rights } from '../run/page.js';
import { shortName } from '../words.js';

/** Pictures of a class in one strip. */
export const STRIP = 10;
/** Classes whose pictures the page shows. */
const MOST_CLASSES = 100;
const SHOWN = ['import.name', 'import.path', 'import.format', 'import.heldOut', 'import.seed'];

/** The data sets that are known by name, and a form to bring another. */
export function datasetsPage(entries: readonly DatasetEntry[], form: FormState, { maySubmit }: Rights): Page {
  return {
    title: 'Data sets',
    place: 'datasets',
    lead: html`<p>Images with labels, in splits.</p>`,
    ...(maySubmit ? { actions: html`<a class="button" href="#import">Bring a data set</a>` } : {}),
    body: html`${wrongNotice(form, SHOWN)}
    ${
      entries.length === 0
        ? html`<section class="empty" aria-labelledby="none-title">
            <h2 id="none-title">No data set has a name yet</h2>
            <p>Bring a folder that the service can read below, or use “rift data add” on the command line.</p>
          </section>`
        : html`<ul class="cards">
            ${entries.map(datasetCard)}
          </ul>`
    }
    ${maySubmit && importForm(form)}`,
  };
}

function datasetCard({ name, dataset, createdAt }: DatasetEntry): Html {
  const splits = Object.entries(dataset?.splits ?? {});
  const split = shownSplit(dataset);
  return html`<li class="card">
    <h2><a href="/datasets/${encodeURIComponent(name)}">${name}</a></h2>
    ${
      split !== undefined &&
      html`<img class="strip" src="${stripPath(name, split, 0)}" alt="Pictures of class ${dataset?.classes[0] ?? '0'}" loading="lazy" />`
    }
    <p class="numbers">${splits.map(([key, { count: images }]) => html`<span><b>${count(images)}</b> ${key}</span>`)}</p>
    <p class="quiet">${dataset?.classes.length} classes, ${dataset?.imageSize} × ${dataset?.imageSize} pixels</p>
    <div class="foot">
      <a class="button small" href="/runs/new?dataset=${encodeURIComponent(name)}">Use it</a>
      <small>${createdAt && moment(isoTime(createdAt))}</small>
    </div>
  </li>`;
}

function shownSplit(dataset: DatasetEntry['dataset']): string | undefined {
  const names = Object.keys(dataset?.splits ?? {});
  return ['test', 'val', 'train'].find((name) => names.includes(name)) ?? names[0];
}

function stripPath(dataset: string, split: string, label: number): string {
  return `/datasets/${encodeURIComponent(dataset)}/pictures/${encodeURIComponent(split)}/${label}.png`;
}

function importForm(form: FormState): Html {
  return html`<form method="post" action="/datasets" class="sheet" id="import">
    <fieldset>
      <legend>Bring a data set</legend>
      <div class="fields">
        ${textField(form, { name: 'import.name', label: 'Name', hint: 'Letters, digits and . _ -', required: true, placeholder: 'cifar10' })}
        ${textField(form, { name: 'import.path', label: 'Folder', hint: 'Absolute path on the trainers’ file system, inside their import root.', required: true, placeholder: '/data/cifar-10-batches-bin' })}
        ${selectField(form, {
          name: 'import.format',
          label: 'Layout',
          choices: [
            ['DATASET_FORMAT_CIFAR10', 'CIFAR-10 binary'],
            ['DATASET_FORMAT_CIFAR100', 'CIFAR-100 binary'],
            ['DATASET_FORMAT_FOLDER', 'a folder per split, one per class inside'],
            ['DATASET_FORMAT_TINY_IMAGENET', 'Tiny-ImageNet'],
            ['DATASET_FORMAT_NPY', 'NumPy files'],
            ['DATASET_FORMAT_CIFAR_C', 'CIFAR-C'],
          ],
        })}
        ${textField(form, { name: 'import.heldOut', label: 'Hold out', hint: 'Training images for “val”, where the folder has none.', type: 'number', fallback: '5000' })}
        ${textField(form, { name: 'import.seed', label: 'Seed', hint: 'Of the choice of held-out images.', type: 'number', fallback: '0' })}
      </div>
    </fieldset>
    <div class="submit"><button class="primary">Bring it</button></div>
  </form>`;
}

/** The request that the import form stands for. */
export function importRequest(values: Readonly<Record<string, string>>): Record<string, unknown> {
  const number = (name: string): unknown => (/^\d+$/.test(values[name] ?? '') ? Number(values[name]) : values[name]);
  return {
    import: {
      name: values['import.name']?.trim() ?? '',
      path: values['import.path']?.trim() ?? '',
      format: values['import.format'] ?? '',
      heldOut: number('import.heldOut'),
      seed: number('import.seed'),
    },
  };
}

/** What is in one data set, with pictures of its classes. */
export function datasetPage({ name, dataset, createdAt }: DatasetEntry, split: string | undefined, { maySubmit, mayDelete }: Rights): Page {
  const known = name === '' ? (dataset?.digest ?? '') : name;
  const path = `/datasets/${encodeURIComponent(known)}`;
  const shown = split ?? shownSplit(dataset);
  const splits = Object.entries(dataset?.splits ?? {});
  return {
    title: name === '' ? `Data set ${shortName(known)}` : name,
    place: 'datasets',
    lead: html`<p>${dataset?.classes.length} classes, ${dataset?.imageSize} × ${dataset?.imageSize} pixels</p>`,
    actions: html`${maySubmit && name !== '' && html`<a class="button primary" href="/runs/new?dataset=${encodeURIComponent(name)}">Use it</a>`}
    ${
      mayDelete &&
      name !== '' &&
      confirmed('delete', 'Forget…', {
        text: 'The name goes; the files stay while a run refers to them.',
        action: `${path}/delete`,
        button: 'Forget the name',
      })
    }`,
    body: html`${
      shown !== undefined &&
      section({
        id: 'pictures',
        title: 'Pictures',
        body: html`<ul class="filters">
            ${splits.map(([key]) => html`<li><a href="?split=${encodeURIComponent(key)}#pictures" ${key === shown && html`aria-current=true`}>${key}</a></li>`)}
          </ul>
          <ul class="strips">
            ${(dataset?.classes ?? []).slice(0, MOST_CLASSES).map((title, label) => strip(title, known, shown, label, dataset))}
          </ul>`,
      })
    }
    ${section({
      id: 'facts',
      title: 'What it is',
      body: html`${facts([
        ['SHA-256', digest(dataset?.digest ?? '')],
        ...(createdAt ? [['Registered', moment(isoTime(createdAt))] as [string, Content]] : []),
        ...(dataset?.notes ?? []).map((note): [string, Content] => ['Note', note]),
      ])}
      ${table({
        caption: 'Images by split and class',
        head: ['Class', ...splits.map(([key]) => key)],
        rows: [
          [html`<b>all</b>`, ...splits.map(([, { count: images }]) => html`<b>${whole(images)}</b>`)],
          ...(dataset?.classes ?? []).map((title, label): Content[] => [
            title,
            ...splits.map(([, { classCounts }]) => (classCounts[label] === undefined ? '–' : whole(classCounts[label]))),
          ]),
        ],
      })}`,
    })}`,
  };
}

function strip(title: string, dataset: string, split: string, label: number, info: DatasetEntry['dataset']): Html {
  const images = info?.splits[split]?.classCounts[label];
  return html`<li>
    <figure>
      <figcaption><b>${title}</b>${images !== undefined && html`<span>${count(images)}</span>`}</figcaption>
      ${images === 0 ? html`<p class="quiet">none</p>` : html`<img class="strip" src="${stripPath(dataset, split, label)}" alt="Pictures of class ${title}" loading="lazy" />`}
    </figure>
  </li>`;
}
