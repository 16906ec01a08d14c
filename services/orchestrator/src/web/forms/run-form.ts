import { randomUUID } from 'node:crypto';
import type { DatasetEntry, NetworkEntry, Run } from '@rift/contracts';
import { count } from '../../report/format.js';
import { html, type Html } from '../../report/page/html.js';
import type { Page } from '../layout.js';
import { choiceField, selectField, textField, tickField, wrongNotice, type FormState } from './fields.js';

/** How many images a run reads, by size. The names are those of the settings' limits. */
const SIZES = {
  quick: { criticality: 512, train: 5000, selection: 500, test: 500, corruption: 100 },
  usual: { criticality: 1000, train: 0, selection: 2000, test: 2000, corruption: 500 },
  all: { criticality: 0, train: 0, selection: 0, test: 0, corruption: 0 },
} as const;

const LIMITS = [
  ['criticality', 'Criticality', 'images of the adversarial set'],
  ['train', 'Training', 'images of the fine-tuning'],
  ['selection', 'Selection', 'held-out images that choose epoch and α'],
  ['test', 'Test', 'images of the final accuracies'],
  ['corruption', 'Corruption', 'images of each corruption and severity'],
] as const;

/** Names of the fields that the form shows. */
const SHOWN = [
  'name',
  'settings.network',
  'settings.dataset',
  'settings.profile',
  'settings.seed',
  'settings.priority',
  'settings.compute',
  'size',
];

/** What can be chosen from. */
export interface Choices {
  readonly networks: readonly NetworkEntry[];
  readonly datasets: readonly DatasetEntry[];
}

/** The form that starts a run. */
export function runFormPage({ networks, datasets }: Choices, form: FormState): Page {
  const isReady = networks.length > 0 && datasets.length > 0;
  return {
    title: 'New run',
    place: 'runs',
    lead: html`<p>
      Find the module that matters least for robustness, fine-tune it on ordinary images, and walk as far as robustness holds.
    </p>`,
    body: isReady
      ? html`${wrongNotice(form, [...SHOWN, ...LIMITS.map(([name]) => `settings.limits.${name}`)])}${formOf({ networks, datasets }, form)}`
      : missing({ networks, datasets }),
  };
}

function missing({ networks, datasets }: Choices): Html {
  return html`<section class="empty" aria-labelledby="missing-title">
    <h2 id="missing-title">${networks.length === 0 ? 'A network is needed first' : 'A data set is needed first'}</h2>
    <p>A run starts from a robust checkpoint and reads the images of a data set. Both are brought once and then known by name.</p>
    <p>
      ${networks.length === 0 && html`<a class="button primary" href="/networks#import">Bring a network</a>`}
      ${datasets.length === 0 && html`<a class="button primary" href="/datasets#import">Bring a data set</a>`}
    </p>
  </section>`;
}

function formOf({ networks, datasets }: Choices, form: FormState): Html {
  return html`<form method="post" action="/runs" class="sheet">
    <input type="hidden" name="requestId" value="${form.values['requestId'] ?? randomUUID()}" />
    <fieldset>
      <legend>What to improve</legend>
      <div class="fields">
        ${selectField(form, {
          name: 'settings.network',
          label: 'Network',
          choices: networks.map(({ name, network }) => [name, `${name} (${network?.arch ?? ''}, ${network?.classes ?? 0} classes)`]),
        })}
        ${selectField(form, {
          name: 'settings.dataset',
          label: 'Data set',
          choices: datasets.map(({ name, dataset }) => [name, `${name} (${imagesOf(dataset)} images)`]),
        })}
        ${textField(form, { name: 'name', label: 'Name of the run', hint: 'For people; may be empty.', placeholder: 'ResNet-18, first try' })}
      </div>
    </fieldset>
    <fieldset>
      <legend>Which choices of the method</legend>
      ${choiceField(form, {
        name: 'settings.profile',
        label: 'Profile',
        fallback: 'PROFILE_SOUND',
        choices: [
          [
            'PROFILE_SOUND',
            'Sound',
            'Module, epoch and α are chosen on held-out images, the test images are read once. What you want, as a rule.',
          ],
          ['PROFILE_PAPER', 'Paper', 'As the paper’s text says, chosen on the test images as there.'],
          ['PROFILE_CODE', 'Code', 'As the published code does, for comparison with published numbers.'],
        ],
      })}
    </fieldset>
    <fieldset>
      <legend>How many images</legend>
      ${choiceField(form, {
        name: 'size',
        label: 'Size',
        fallback: 'usual',
        choices: [
          ['quick', 'Quick look', 'About 500 test images: minutes, wide intervals.'],
          ['usual', 'Usual', '2,000 test images and all training images.'],
          ['all', 'Everything', 'All images: the numbers to publish.'],
          ['own', 'Own numbers', 'As given below; 0 means all.'],
        ],
      })}
      <details id="limits" ${form.values['size'] === 'own' && html`open`}>
        <summary>Own numbers</summary>
        <div class="fields">
          ${LIMITS.map(([name, label, hint]) =>
            textField(form, { name: `settings.limits.${name}`, label, hint, type: 'number', fallback: String(SIZES.usual[name]) }),
          )}
        </div>
      </details>
    </fieldset>
    <fieldset>
      <legend>How to compute</legend>
      <div class="fields">
        ${textField(form, { name: 'settings.seed', label: 'Seed', hint: 'The same seed gives the same numbers.', type: 'number', fallback: '0' })}
        ${textField(form, { name: 'settings.compute.device', label: 'Device', hint: 'auto, cpu, cuda or cuda:0', fallback: 'auto' })}
        ${selectField(form, {
          name: 'settings.compute.precision',
          label: 'Precision of the fast path',
          hint: 'Judgement is always in float32.',
          choices: [
            ['PRECISION_AUTO', 'what is fastest here'],
            ['PRECISION_FP32', 'float32'],
            ['PRECISION_BF16', 'bfloat16'],
          ],
        })}
        ${textField(form, { name: 'settings.priority', label: 'Priority', hint: '−10 to 10, higher first', fallback: '0' })}
      </div>
      <p></p>
      ${tickField(form, { name: 'settings.noCache', label: 'Compute again what is known from earlier runs' })}
    </fieldset>
    <div class="submit">
      <button class="primary">Start the run</button>
      <p>It goes on when this page is closed, and when a machine fails.</p>
    </div>
  </form>`;
}

function imagesOf(dataset: DatasetEntry['dataset']): string {
  return count(Object.values(dataset?.splits ?? {}).reduce((sum, split) => sum + Number(split.count), 0));
}

/** The request that a filled-in form stands for, as JSON; what is no number stays a text, which the check then names. */
export function requestOf(values: Readonly<Record<string, string>>): Record<string, unknown> {
  const given = (name: string): string => values[name]?.trim() ?? '';
  const number = (name: string): unknown => (/^-?\d+$/.test(given(name)) ? Number(given(name)) : given(name) === '' ? 0 : given(name));
  const size = Object.hasOwn(SIZES, given('size')) ? SIZES[given('size') as keyof typeof SIZES] : undefined;
  return {
    requestId: given('requestId'),
    name: given('name'),
    settings: {
      network: given('settings.network'),
      dataset: given('settings.dataset'),
      profile: given('settings.profile'),
      seed: number('settings.seed'),
      compute: { device: given('settings.compute.device'), precision: given('settings.compute.precision') || 'PRECISION_AUTO' },
      noCache: given('settings.noCache') === 'true',
      limits: size ?? Object.fromEntries(LIMITS.map(([name]) => [name, number(`settings.limits.${name}`)])),
      priority: number('settings.priority'),
    },
  };
}

/** The form's values for another run like a given one. */
export function valuesLike({ name, settings }: Run): Record<string, string> {
  if (!settings) return {};
  return {
    name,
    size: 'own',
    'settings.network': settings.network,
    'settings.dataset': settings.dataset,
    'settings.profile': settings.profile === 'PROFILE_UNSPECIFIED' ? 'PROFILE_SOUND' : settings.profile,
    'settings.seed': String(settings.seed),
    'settings.priority': String(settings.priority),
    'settings.compute.device': settings.compute?.device ?? 'auto',
    'settings.compute.precision': settings.compute?.precision ?? 'PRECISION_AUTO',
    'settings.noCache': String(settings.noCache),
    ...Object.fromEntries(LIMITS.map(([limit]) => [`settings.limits.${limit}`, String(settings.limits?.[limit] ?? 0)])),
  };
}
