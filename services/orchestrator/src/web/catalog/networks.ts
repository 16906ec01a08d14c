import type { ModuleInfo, NetworkEntry } from '@rift/contracts';
import { count, moment, percent } from '../../report/format.js';
import { html, type Content, type Html } from '../../report/page/html.js';
import { digest, facts, section, table, whole } from '../../report/page/parts.js';
import { isoTime } from '../../rest/encode.js';
import { fileField, selectField, textField, wrongNotice, type FormState } from '../forms/fields.js';
import type { Page } from '../layout.js';
import { confirmed, type Rights } from '../run/page.js';
import { shortName } from '../words.js';

const ARCHITECTURES = ['resnet18', 'resnet34', 'preact-resnet18', 'wrn-34-10', 'wrn-28-10', 'wrn-28-10-silu'] as const;
/** Stands for what a network artifact says of itself. */
const SAID_BY_FILE = ['', 'as the file says (network artifacts)'] as const;
const SHOWN = ['name', 'import.arch', 'import.width', 'import.classes', 'import.inputSize', 'import.preprocess', 'file'];

/** The networks that are known by name, and a form to bring another. */
export function networksPage(entries: readonly NetworkEntry[], form: FormState, { maySubmit }: Rights): Page {
  return {
    title: 'Networks',
    place: 'networks',
    lead: html`<p>Checkpoints that runs can start from.</p>`,
    ...(maySubmit ? { actions: html`<a class="button" href="#import">Bring a network</a>` } : {}),
    body: html`${wrongNotice(form, SHOWN)}
    ${
      entries.length === 0
        ? html`<section class="empty" aria-labelledby="none-title">
            <h2 id="none-title">No network has a name yet</h2>
            <p>Bring a PyTorch or safetensors checkpoint below, or use “rift import” on the command line.</p>
          </section>`
        : html`<ul class="cards">
            ${entries.map(networkCard)}
          </ul>`
    }
    ${maySubmit && importForm(form)}`,
  };
}

function networkCard({ name, network, createdAt }: NetworkEntry): Html {
  return html`<li class="card">
    <h2><a href="/networks/${encodeURIComponent(name)}">${name}</a></h2>
    <p class="quiet">
      ${network?.arch}, width ${network?.width}, ${network?.classes} classes, ${count(Number(network?.parameters ?? 0))} parameters
    </p>
    ${metrics(network?.metrics ?? {})}
    <div class="foot">
      <a class="button small" href="/runs/new?network=${encodeURIComponent(name)}">Improve it</a>
      <small>${createdAt && moment(isoTime(createdAt))}</small>
    </div>
  </li>`;
}

function metrics(found: Readonly<Record<string, number>>): Content {
  const entries = Object.entries(found).filter(([, value]) => value >= 0 && value <= 1);
  if (entries.length === 0) return null;
  return html`<p class="numbers">${entries.map(([name, value]) => html`<span><b>${percent(value, 1)}</b> ${words(name)}</span>`)}</p>`;
}

/** selectionStandard → selection standard */
function words(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}

function importForm(form: FormState): Html {
  return html`<form method="post" action="/networks" enctype="multipart/form-data" class="sheet" id="import">
    <fieldset>
      <legend>Bring a network</legend>
      <div class="fields">
        ${textField(form, { name: 'name', label: 'Name', hint: 'Letters, digits and . _ -', required: true, placeholder: 'resnet18-at' })}
        ${selectField(form, { name: 'import.arch', label: 'Architecture', choices: [...ARCHITECTURES.map((name) => [name, name] as const), SAID_BY_FILE] })}
        ${textField(form, { name: 'import.width', label: 'Width', hint: 'Channels of the first stage; 0 means the published width.', type: 'number', fallback: '0' })}
        ${textField(form, { name: 'import.classes', label: 'Classes', type: 'number', fallback: '10' })}
        ${textField(form, { name: 'import.inputSize', label: 'Input size', hint: 'Side of the picture in pixels.', type: 'number', fallback: '32' })}
        ${selectField(form, {
          name: 'import.preprocess',
          label: 'Normalisation inside the network',
          choices: [
            ['cifar10', 'CIFAR-10'],
            ['cifar100', 'CIFAR-100'],
            ['imagenet', 'ImageNet'],
            ['none', 'none, it takes pixels in [0, 1]'],
            SAID_BY_FILE,
          ],
        })}
        ${fileField(form, {
          name: 'file',
          label: 'Checkpoint',
          accept: '.pt,.pth,.safetensors,.tar',
          hint: 'PyTorch (.pth, .pt) or .safetensors. Nothing in it is ever executed. A network artifact is taken as it is.',
        })}
      </div>
    </fieldset>
    <div class="submit"><button class="primary">Bring it</button></div>
  </form>`;
}

/** The request that the import form stands for. */
export function importRequest(values: Readonly<Record<string, string>>, file: { digest: string; name: string }): Record<string, unknown> {
  const preprocess = values['import.preprocess'] ?? '';
  const number = (name: string): unknown => (/^\d+$/.test(values[name] ?? '') ? Number(values[name]) : values[name]);
  return {
    name: values['name']?.trim() ?? '',
    import: {
      fileDigest: file.digest,
      fileName: file.name,
      arch: values['import.arch'] ?? '',
      width: number('import.width'),
      classes: number('import.classes'),
      inputSize: number('import.inputSize'),
      ...(preprocess === '' ? {} : { preprocess: { name: preprocess } }),
    },
  };
}

/** What is in one network. */
export function networkPage({ name, network, createdAt }: NetworkEntry, { maySubmit, mayDelete }: Rights): Page {
  const path = `/networks/${encodeURIComponent(name === '' ? (network?.digest ?? '') : name)}`;
  return {
    title: name === '' ? `Network ${shortName(network?.digest ?? '')}` : name,
    place: 'networks',
    lead: html`<p>${network?.arch}, width ${network?.width}, ${network?.classes} classes</p>`,
    actions: html`${maySubmit && name !== '' && html`<a class="button primary" href="/runs/new?network=${encodeURIComponent(name)}">Improve it</a>`}
      ${maySubmit && html`<form method="post" action="${path}/export"><input type="hidden" name="format" value="EXPORT_FORMAT_PTH" /><button>For PyTorch (.pth)</button></form>`}
      <a class="button" href="/files/${network?.digest}?name=network.safetensors">.safetensors</a>
      ${
        mayDelete &&
        name !== '' &&
        confirmed('delete', 'Forget…', {
          text: 'The name goes; the file stays while a run refers to it.',
          action: `${path}/delete`,
          button: 'Forget the name',
        })
      }`,
    body: html`${section({
      id: 'facts',
      title: 'What it is',
      body: html`${metrics(network?.metrics ?? {})}${facts([
        ['SHA-256', digest(network?.digest ?? '')],
        ['Parameters', whole(Number(network?.parameters ?? 0))],
        ['Input', `${network?.inputSize} × ${network?.inputSize} pixels, preprocessing ${network?.preprocess?.name ?? 'none'}`],
        ...(network?.classNames.length ? [['Classes', network.classNames.join(', ')] as [string, Content]] : []),
        ...(createdAt ? [['Registered', moment(isoTime(createdAt))] as [string, Content]] : []),
        ...(network?.parents ?? []).map((parent): [string, Content] => [
          'Made from',
          html`<a href="/networks/${parent}">${digest(parent)}</a>`,
        ]),
        ...(network?.notes ?? []).map((note): [string, Content] => ['Note', note]),
      ])}`,
    })}
    ${section({
      id: 'modules',
      title: `Modules (${network?.modules.length ?? 0})`,
      body: table({
        caption: 'Convolutions and linear layers in forward order',
        head: ['Module', 'Kind', 'Shape', 'Weights'],
        wordColumns: 3,
        rows: (network?.modules ?? []).map(moduleRow),
      }),
    })}`,
  };
}

function moduleRow({ name, kind, shape, parameters }: ModuleInfo): Content[] {
  return [html`<code>${name}</code>`, kind, shape.map(String).join(' × '), whole(Number(parameters))];
}
