import { AxeBuilder } from '@axe-core/playwright';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { Page } from 'playwright-core';

import { findChromium, Visitor } from '../support/browser.js';
import { SAMPLE, Workplace } from './rift.js';

const browser = findChromium();
const skip = 'missing' in browser ? browser.missing : false;
const executable = 'executable' in browser ? browser.executable : '';

/** The whole method, small; the pages do not care how many images there are. */
const LIMITS = { criticality: 24, train: 96, selection: 16, test: 32, corruption: 4 };

/** Violations of the accessibility rules (WCAG 2.1 A and AA) on the page as it is. */
async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']).analyze();
  return found.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}

describe('the web page, in Chromium', { skip }, () => {
  let place: Workplace;
  let visitor: Visitor;
  let page: Page;
  let web = '';
  /** Paths of the first run and of the one that repeats it. */
  const runs: string[] = [];

  before(async () => {
    place = await Workplace.create();
    ({ web } = await place.up('--threads', '2'));
    visitor = await Visitor.open(executable, web);
    ({ page } = visitor);
  });
  after(async () => {
    await visitor[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  // Each test goes on from where the one before it left the browser.
  let isBroken = false;
  beforeEach(() => assert.ok(!isBroken, 'an earlier step failed'));
  afterEach((test) => {
    isBroken ||= !(test as unknown as { passed: boolean }).passed;
  });

  /** Starts the run that the form holds. @returns its path */
  const submitted = async (): Promise<string> => {
    await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/);
    return new URL(page.url()).pathname;
  };

  it('leads a newcomer from nothing to a network and a data set', async () => {
    await page.goto('/');
    await page.getByRole('heading', { name: 'No runs yet' }).waitFor();
    await visitor.picture('empty');
    await page.getByRole('link', { name: 'Bring a network' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('sample-net');
    await page.getByRole('spinbutton', { name: 'Width' }).fill('16');
    await page.getByLabel('Checkpoint').setInputFiles(SAMPLE.network);
    await page.getByRole('button', { name: 'Bring it' }).click();
    await page.getByRole('heading', { name: 'Modules (21)' }).waitFor();
    await visitor.picture('network');
    await page.goto('/datasets');
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('sample');
    await page.getByRole('textbox', { name: 'Folder' }).fill('/no/such/folder');
    await page.getByRole('button', { name: 'Bring it' }).click();
    await page.getByRole('alert').filter({ hasText: '/no/such/folder does not exist' }).waitFor();
    assert.equal(await page.getByRole('textbox', { name: 'Name', exact: true }).inputValue(), 'sample', 'what was typed stays');
    visitor.troubles.length = 0; // The console tells of the refusal itself.
    await page.getByRole('textbox', { name: 'Folder' }).fill(SAMPLE.data);
    await page.getByRole('button', { name: 'Bring it' }).click();
    await page.getByRole('heading', { name: 'Pictures' }).waitFor();
    const pictures = page.locator('img.strip');
    await pictures.last().scrollIntoViewIfNeeded();
    await visitor.until('[...document.images].every((image) => image.complete && image.naturalWidth > 0)');
    assert.equal(await pictures.count(), 10);
    await visitor.picture('dataset');
  });

  it('starts a run with the keyboard alone', async () => {
    await page.goto('/runs');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content');
    await visitor.tabTo('a[href="/runs/new"]');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/runs\/new$/);
    await visitor.tabTo('[name="name"]');
    await page.keyboard.type('from the page');
    await visitor.tabTo('[name="size"]');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await visitor.tabTo('#limits > summary');
    await page.keyboard.press('Enter');
    for (const [limit, images] of Object.entries(LIMITS)) {
      await visitor.tabTo(`[name="settings.limits.${limit}"]`);
      await page.keyboard.type(String(images));
    }
    await visitor.picture('form');
    await visitor.tabTo('form.sheet button.primary');
    await page.keyboard.press('Enter');
    runs.push(await submitted());
  });

  it('shows the run as it goes: stages, time, bars that come one by one', async () => {
    const growing = page.locator('#criticality-so-far');
    await growing.waitFor();
    const loads = visitor.loads;
    assert.match(await growing.innerText(), /\d+ of 21 modules are measured/);
    await visitor.picture('live');
    const measured = async (): Promise<number> => Number(/(\d+) of 21 modules/.exec(await growing.innerText())?.[1]);
    const earlier = await measured();
    await visitor.until(
      `Number(/(\\d+) of 21/.exec(document.querySelector('#criticality-so-far')?.innerText ?? '21 of 21')?.[1]) > ${earlier}`,
    );
    assert.ok((await page.locator('#run-stages progress').count()) > 0);
    assert.equal(visitor.loads, loads, 'nothing was loaded anew');
  });

  it('cancels with the keyboard and resumes, and the finished stages keep their results', async () => {
    await visitor.tabTo('#menu-cancel > summary');
    await page.keyboard.press('Enter');
    await visitor.tabTo('#cancel-button');
    await page.keyboard.press('Enter');
    await page.locator('#run-lead .state.cancelled').waitFor();
    assert.equal(await page.locator('.stages > li.succeeded').first().locator('.what').innerText(), 'Craft the adversarial set');
    await visitor.picture('cancelled');
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.locator('#run-lead .state.running, #run-lead .state.queued').waitFor();
  });

  it('fills in learning curves, the line between the weights and the log as they come', async () => {
    const growing = await visitor.watchGrowth({
      curves: '#run-growing section[id^="epochs-"] svg.wide circle',
      path: '#run-growing section[id^="path-"] svg.wide circle',
      log: '#run-log .log > li',
    });
    const loads = visitor.loads;
    await growing.until('curves', 2);
    await visitor.picture('live-curves');
    await growing.until('path', 2);
    await visitor.picture('live-path');
    await page.locator('#run-log .log > li').filter({ hasText: 'interpolate: done in' }).waitFor();
    await growing.until('log', 3);
    const log = await page.locator('#run-log .log').innerText();
    for (const line of ['resumed; ', 'craft: done in', 'criticality: begins again', 'fine-tune: begins on 96 images of train']) {
      assert.ok(log.includes(line), `${line} is not in\n${log}`);
    }
    assert.equal(visitor.loads, loads, 'nothing was loaded anew');
  });

  it('the list of runs keeps itself fresh while a run goes on', async () => {
    await page.goto('/runs');
    await page.getByRole('progressbar', { name: 'Progress of from the page' }).waitFor();
    await visitor.picture('runs');
    await page.locator('tr .state.succeeded').waitFor({ timeout: 180_000 });
  });

  it('ends with verdict, figures, pictures of attacks and the grid of corruptions', async () => {
    await page.goto(runs[0] ?? '');
    await page.locator('.verdict .text').waitFor();
    for (const id of ['accuracies', 'criticality', 'fine-tuning', 'path', 'corruptions', 'classes', 'attacks', 'gallery', 'files', 'log']) {
      assert.equal(await page.locator(`section#${id}`).count(), 1, `section ${id}`);
    }
    assert.equal(await page.locator('#gallery .picture').first().locator('img').count(), 3, 'original, adversarial image, difference');
    assert.equal(await page.locator('#corruptions figure').filter({ hasText: 'by corruption and severity' }).count(), 1);
    assert.match(await page.locator('#settings').innerText(), /sample-net/);
    assert.deepEqual(await violations(page), []);
    await visitor.picture('finished');
  });

  it('gives the checkpoint, the report and what repeats the run', async () => {
    const download = async (name: string): Promise<Buffer> => {
      const [file] = await Promise.all([page.waitForEvent('download'), page.locator('#files').getByText(name, { exact: true }).click()]);
      return readFile(await file.path());
    };
    assert.equal((await download('For PyTorch (.pth)')).toString('latin1', 0, 2), 'PK');
    assert.match((await download('model-card.md')).toString(), /^---\npipeline_tag: image-classification/);
    assert.match((await download('corruptions.csv')).toString(), /^corruption,severity,/);
    const spec = JSON.parse((await download('run.json')).toString()) as { settings: { limits: object; network: string }; plan: object };
    assert.deepEqual(spec.settings.limits, LIMITS);
    assert.match(spec.settings.network, /^[0-9a-f]{64}$/);
    const report = await download('report.html');
    const offline = await visitor.context.newPage();
    await offline.setContent(report.toString(), { waitUntil: 'load' });
    await offline.getByRole('heading', { name: 'Before and after' }).waitFor();
    assert.deepEqual(await violations(offline), []);
    await offline.close();
  });

  it('compares two runs', async () => {
    await page.getByRole('link', { name: 'Run again' }).click();
    await page.getByRole('button', { name: 'Start the run' }).click();
    runs.push(await submitted());
    await page.locator('#run-lead .state.succeeded').waitFor();
    await page.goto('/runs');
    for (const box of await page.getByRole('checkbox').all()) await box.check();
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByRole('heading', { name: 'Accuracies at the end' }).waitFor();
    assert.deepEqual(await violations(page), []);
    await visitor.picture('compare');
  });

  it('tells what does not exist', async () => {
    const answer = await page.goto('/runs/no-such-run');
    assert.equal(answer?.status(), 404);
    await page.getByRole('heading', { name: 'Not found' }).waitFor();
    assert.deepEqual(visitor.troubles.splice(0), [
      `Failed to load resource: the server responded with a status of 404 (Not Found) ${web}/runs/no-such-run`,
    ]);
  });

  it('fits a phone, dark and light, without a script, and without barriers', async () => {
    await using phone = await Visitor.open(executable, web, { phone: true, dark: true });
    const paths = [
      '/runs',
      runs[0] ?? '',
      '/runs/new',
      '/networks',
      '/networks/sample-net',
      '/datasets',
      '/datasets/sample',
      '/api',
      '/compare',
    ];
    for (const path of paths) {
      await phone.page.goto(path);
      assert.ok((await phone.overflow()) <= 0, `${path} is wider than a phone`);
      assert.deepEqual(await violations(phone.page), [], path);
      await phone.picture(`phone${path.replace(/[0-9a-f-]{36}/, 'finished').replaceAll('/', '-')}`);
    }
    assert.deepEqual(phone.troubles, []);
    for (const options of [{ phone: true }, { dark: true }]) {
      await using other = await Visitor.open(executable, web, options);
      await other.page.goto(runs[0] ?? '');
      assert.ok((await other.overflow()) <= 0);
      assert.deepEqual(await violations(other.page), [], JSON.stringify(options));
      await other.picture('dark' in options ? 'dark-runs-finished' : 'phone-light-runs-finished');
    }
    await using plain = await Visitor.open(executable, web, { script: false });
    await plain.page.goto(runs[0] ?? '');
    await plain.page.locator('.verdict .text').waitFor();
  });

  it('asks no other host for anything, and no script fails', () => {
    assert.deepEqual(visitor.troubles, []);
  });
});
