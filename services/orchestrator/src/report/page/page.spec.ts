import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HtmlValidate } from 'html-validate';
import { parse, type DefaultTreeAdapterTypes } from 'parse5';
import { buildReport } from '../build-report.js';
import type { ReportInput } from '../input.js';
import { reportInput, someTraining } from '../testing/fixture.js';

type Element = DefaultTreeAdapterTypes.Element;

const SMALL = { images: 400, standard: [320, 4, 20], adversarial: [210, 5, 6], corruptionImages: 100, pictures: 2 } as const;
const input = reportInput();
const report = buildReport(input);

function elements(html: string): Element[] {
  const found: Element[] = [];
  const visit = (node: DefaultTreeAdapterTypes.Node): void => {
    if ('attrs' in node) found.push(node);
    if ('childNodes' in node) node.childNodes.forEach(visit);
  };
  visit(parse(html));
  return found;
}

function attribute(element: Element, name: string): string | undefined {
  return element.attrs.find((one) => one.name === name)?.value;
}

function textOf(node: DefaultTreeAdapterTypes.Node): string {
  if ('value' in node) return node.value;
  return 'childNodes' in node ? node.childNodes.map(textOf).join('') : '';
}

/** Every number of a JSON value. */
function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(numbersIn);
  return [];
}

/** A number as people read it: "−0.7", "1,000", "83.6 %", "8/255". */
function readNumber(text: string): number {
  const [top, bottom] = text.replace('< ', '').replaceAll('−', '-').replaceAll(',', '').replace(/\s*%/, '').split('/');
  return bottom === undefined ? Number(top) : Number(top) / Number(bottom);
}

const valid = new HtmlValidate({ extends: ['html-validate:standard', 'html-validate:a11y', 'html-validate:document'] });

async function problems(html: string): Promise<string[]> {
  const { results } = await valid.validateString(html);
  return results.flatMap(({ messages }) => messages.map(({ line, message, ruleId }) => `${line}: ${message} (${ruleId})`));
}

/** Inputs of plans that lack one part or another. */
function partial(): Record<string, ReportInput> {
  const { criticality, fineTune, interpolate, network, dataset, ...rest } = reportInput(SMALL);
  assert.ok(criticality && fineTune && interpolate && network && dataset);
  const complete = reportInput(SMALL);
  const bare = { ...rest, artifacts: [], commands: [], run: { ...rest.run, stages: [], name: '' } };
  return {
    'without corruptions': reportInput({ ...SMALL, corruptionImages: 0 }),
    'without pictures': reportInput({ ...SMALL, pictures: 0 }),
    'with AutoAttack': reportInput({ ...SMALL, autoAttack: true }),
    'of two given networks': { ...rest, network, dataset },
    'of one network': { ...rest, network, dataset, after: [] },
    'of criticality alone': { ...bare, criticality, before: [], after: [] },
    'of a line alone': { ...bare, interpolate, before: [], after: [] },
    'of a training': { ...bare, train: someTraining(), before: [], after: rest.after },
    'of nothing at all': { ...bare, before: [], after: [] },
    'without criticality': { ...rest, network, dataset, fineTune, interpolate },
    'of a fine-tuning without selection': {
      ...complete,
      fineTune: {
        ...fineTune,
        result: {
          ...fineTune.result,
          chosenEpoch: 0,
          epochs: fineTune.result.epochs.slice(0, 1).map((epoch) => ({ ...epoch, selectionStandard: -1 })),
        },
      },
    },
    'of a flat criticality': {
      ...complete,
      criticality: {
        ...criticality,
        result: {
          ...criticality.result,
          modules: criticality.result.modules.slice(0, 2).map((module) => ({ ...module, mrc: 0, standardError: 0 })),
        },
      },
    },
  };
}

const partialPages = Object.entries(partial()).map(([name, some]) => ({ name, html: buildReport(some).html }));

describe('the page of a report', () => {
  it('is valid HTML without accessibility faults', async () => {
    assert.deepEqual(await problems(report.html), []);
  });

  it('loads nothing and runs nothing', () => {
    for (const element of elements(report.html)) {
      assert.notEqual(element.tagName, 'script');
      for (const { name, value } of element.attrs) {
        assert.ok(!name.startsWith('on'), `${element.tagName} has ${name}`);
        if (['src', 'href', 'xlink:href', 'srcset', 'action', 'poster'].includes(name)) {
          assert.match(
            value,
            /^(#|data:(image\/png|text\/csv|text\/markdown|application\/json)[;,])/,
            `${element.tagName} ${name}="${value.slice(0, 60)}"`,
          );
        }
      }
    }
    assert.doesNotMatch(report.html, /url\(|@import|https?:\/\/(?!www\.w3\.org\/)/);
    const policy = elements(report.html).find((element) => attribute(element, 'http-equiv') === 'Content-Security-Policy');
    assert.match((policy && attribute(policy, 'content')) ?? '', /default-src 'none'/);
  });

  it('shows the numbers of the JSON report and no others', () => {
    const known = new Set(numbersIn(report.data));
    const shown = elements(report.html).filter(({ tagName }) => tagName === 'data');
    assert.ok(shown.length > 300, `${shown.length} numbers`);
    for (const element of shown) {
      const value = Number(attribute(element, 'value'));
      const text = textOf(element).trim();
      assert.ok(known.has(value), `${value} (${text}) is not in the JSON report`);
      if (text.startsWith('<')) continue;
      const read = readNumber(text);
      // Accuracies and differences are shown times 100; the last digit is rounded.
      const decimals = text.includes('/') ? 4 : (/\.(\d+)/.exec(text)?.[1]?.length ?? 0);
      const near = [value, 100 * value].some((candidate) => Math.abs(Math.abs(candidate) - Math.abs(read)) <= 10 ** -decimals + 1e-9);
      assert.ok(near, `"${text}" for ${value}`);
    }
  });

  it('shows the main figures, the verdict and every caution', () => {
    const text = textOf(parse(report.html));
    assert.ok(text.includes(report.verdict));
    for (const caution of report.data.cautions) assert.ok(text.includes(caution));
    const values = elements(report.html).flatMap((element) => (element.tagName === 'data' ? [Number(attribute(element, 'value'))] : []));
    for (const figure of [report.data.before, report.data.after].flatMap(({ standard, adversarial, ood }) => [
      standard,
      adversarial,
      ood,
    ])) {
      assert.ok(figure && values.includes(figure.accuracy));
    }
  });

  it('describes every chart in words and draws it for wide and narrow screens', () => {
    const charts = elements(report.html).filter((element) => attribute(element, 'role') === 'img');
    const kinds = charts.map((element) => attribute(element, 'class'));
    assert.equal(kinds.filter((kind) => kind === 'wide').length, 7);
    assert.equal(kinds.filter((kind) => kind === 'narrow').length, 7);
    for (const chart of charts) assert.ok((attribute(chart, 'aria-label') ?? '').length > 40);
    const criticality = charts.find((element) => attribute(element, 'aria-label')?.startsWith('Bar chart')) as Element;
    assert.match(attribute(criticality, 'aria-label') ?? '', new RegExp(`Fine-tuned: ${report.data.module}\\.$`));
  });

  it('draws no shape at a place that is no number', () => {
    for (const { html } of partialPages) {
      for (const element of elements(html)) {
        for (const { name, value } of element.attrs) {
          if (['d', 'x', 'y', 'x1', 'x2', 'y1', 'y2', 'width', 'height', 'transform', 'points'].includes(name))
            assert.doesNotMatch(value, /NaN|Infinity|undefined/);
        }
      }
    }
  });

  it('escapes whatever a user named', () => {
    const evil = '<img src=x onerror=alert(1)>"\'&</title></pre>';
    const hostile = reportInput(SMALL);
    const { criticality, network, dataset } = hostile;
    assert.ok(criticality && network && dataset);
    const { html } = buildReport({
      ...hostile,
      run: { ...hostile.run, id: evil, name: evil },
      commands: [evil],
      artifacts: [{ what: evil, digest: evil }],
      network: { name: evil, info: { ...network.info, arch: evil, notes: [evil] } },
      dataset: { name: evil, info: { ...dataset.info, classes: dataset.info.classes.map((name) => `${name}${evil}`) } },
      criticality: {
        ...criticality,
        result: { ...criticality.result, modules: criticality.result.modules.map((module) => ({ ...module, name: module.name + evil })) },
      },
    });
    const all = elements(html);
    assert.ok(all.every((element) => element.attrs.every(({ name }) => !name.startsWith('on'))));
    assert.ok(all.filter(({ tagName }) => tagName === 'img').every((element) => attribute(element, 'src')?.startsWith('data:image/png')));
    assert.equal(textOf(all.find(({ tagName }) => tagName === 'title') as Element), `Robustness report: ${evil}`);
    assert.ok(textOf(parse(html)).includes(`frog${evil}`));
  });

  it('holds the pictures and all files', () => {
    const all = elements(report.html);
    assert.equal(all.filter(({ tagName }) => tagName === 'img').length, 3 * 2 * 8);
    const files = all.flatMap((element) => attribute(element, 'download') ?? []);
    assert.deepEqual(files, ['report.json', 'report.md', 'model-card.md', 'run.json', ...Object.keys(report.csv)]);
    const json = all.find((element) => attribute(element, 'download') === 'report.json') as Element;
    assert.equal(Buffer.from((attribute(json, 'href') ?? '').split('base64,')[1] ?? '', 'base64').toString(), report.json);
  });
});

describe('the page of a training', () => {
  const page = buildReport({ ...reportInput(SMALL), train: someTraining() });
  const sectionOf = (id: string): Element | undefined => elements(page.html).find((element) => attribute(element, 'id') === id);

  it('draws its learning curves, marks the epoch kept and says why it ended', () => {
    const training = sectionOf('training');
    assert.ok(training);
    const text = textOf(training);
    assert.match(text, /12 of 76/);
    assert.match(text, /Training ended early: the selection split has not improved for 4 epochs/);
    assert.match(text, /8 kept/);
    assert.match(text, /TRADES/i);
    assert.match(text, /Training loss over epochs/);
    assert.match(text, /Accuracy over epochs/);
  });

  it('writes every epoch as data and as a table', () => {
    assert.equal(page.data.training?.epochs.length, 12);
    assert.equal(page.csv['training.csv']?.trim().split('\r\n').length, 13);
    assert.equal(page.data.training?.epochs[7]?.selectionAdversarial, 0.25 + 0.015 * 7);
    assert.equal(report.data.training, null);
  });
});

describe('the page of a plan with parts missing', () => {
  for (const { name, html } of partialPages) {
    it(`${name} is valid HTML and leads only to sections it has`, async () => {
      assert.deepEqual(await problems(html), []);
      const ids = new Set(elements(html).flatMap((element) => attribute(element, 'id') ?? []));
      const anchors = elements(html)
        .flatMap((element) => attribute(element, 'href') ?? [])
        .filter((href) => href.startsWith('#'));
      assert.ok(anchors.length > 3 && anchors.every((href) => ids.has(href.slice(1))));
    });
  }

  it('leaves out what was not measured', () => {
    const html = partialPages.find(({ name }) => name === 'without corruptions')?.html ?? '';
    assert.ok(html.length > 0 && !html.includes('id="corruptions"') && !html.includes('Under corruptions'));
  });
});
