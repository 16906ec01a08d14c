import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

/** Where pictures of pages are kept to be looked at. */
export const SCREENSHOTS: string = fileURLToPath(new URL('../../../.cache/screenshots/', import.meta.url));

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PLACES = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'];
/** Nothing but the pages under test: no first-run pages, no calls home. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const INSTALL_MS = 10 * 60_000;

/** A Chromium, or why there is none. */
export type FoundBrowser = { readonly executable: string } | { readonly missing: string };

/** Chromium as RIFT_CHROMIUM names it or as it is installed; in CI it is installed from the system's packages when it is not there. */
export function findChromium(): FoundBrowser {
  const { RIFT_CHROMIUM, CI } = process.env;
  if (RIFT_CHROMIUM !== undefined) {
    return existsSync(RIFT_CHROMIUM)
      ? { executable: RIFT_CHROMIUM }
      : { missing: `RIFT_CHROMIUM is ${RIFT_CHROMIUM}, which does not exist` };
  }
  const found = installed();
  if (found !== undefined) return { executable: found };
  if (CI !== undefined && CI !== 'false') {
    const failure = install();
    const fresh = installed();
    if (fresh !== undefined) return { executable: fresh };
    return { missing: `no Chromium, and it could not be installed: ${failure}` };
  }
  return { missing: 'no Chromium on the path: install one (apt-get install chromium) or name one in RIFT_CHROMIUM' };
}

function installed(): string | undefined {
  const { PATH = '' } = process.env;
  const candidates = [...PATH.split(':').flatMap((folder) => NAMES.map((name) => join(folder, name))), ...PLACES];
  return candidates.find((candidate) => existsSync(candidate));
}

function install(): string {
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  for (const step of [['update'], ['install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core']]) {
    const [program = 'apt-get', ...args] = [...asRoot, 'apt-get', ...step];
    const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: INSTALL_MS });
    if (status !== 0) return `apt-get ${step[0]}: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? ''}`;
  }
  return 'apt-get installed nothing on the path';
}

/** What was seen of parts of a page that fill in. */
export interface Growth {
  /** Waits until so many different numbers of a part's elements were there. */
  until(name: string, steps: number): Promise<void>;
}

/** A visitor of the pages of one service, who tells what went wrong in the browser. */
export class Visitor implements AsyncDisposable {
  /** Addresses of other hosts that a page asked for, errors of scripts, and what the console said. */
  readonly troubles: string[] = [];
  /** Pages that were loaded, counted: a page that changes by itself loads nothing anew. */
  loads = 0;

  private constructor(
    readonly browser: Browser,
    readonly context: BrowserContext,
    readonly page: Page,
    readonly base: string,
  ) {}

  static async open(
    executable: string,
    base: string,
    options: { phone?: boolean; dark?: boolean; script?: boolean } = {},
  ): Promise<Visitor> {
    const browser = await chromium.launch({ executablePath: executable, args: FLAGS });
    const context = await browser.newContext({
      baseURL: base,
      viewport: options.phone === true ? { width: 390, height: 844 } : { width: 1280, height: 900 },
      colorScheme: options.dark === true ? 'dark' : 'light',
      javaScriptEnabled: options.script ?? true,
    });
    context.setDefaultTimeout(120_000);
    const visitor = new Visitor(browser, context, await context.newPage(), base);
    const { page, troubles } = visitor;
    const host = new URL(base).host;
    await context.route(
      (url) => url.protocol.startsWith('http') && url.host !== host,
      async (route) => {
        troubles.push(`asked for ${route.request().url()}`);
        await route.abort();
      },
    );
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') troubles.push(`${message.text()} ${message.location().url}`);
    });
    page.on('domcontentloaded', () => {
      visitor.loads += 1;
    });
    return visitor;
  }

  /** Keeps a picture of the whole page. */
  async picture(name: string): Promise<void> {
    await mkdir(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  }

  /** Pixels by which the page is wider than the window. */
  async overflow(): Promise<number> {
    return this.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  }

  /** Waits until an expression is true on the page; the pages' own policy forbids Playwright's way, which evaluates text in them. */
  async until(expression: string, withinMs = 60_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!(await this.page.evaluate<boolean>(expression))) {
      if (Date.now() > deadline) throw new Error(`${expression} did not become true within ${withinMs} ms on ${this.page.url()}`);
      await sleep(50);
    }
  }

  /**
   * Looks at every change of the page from now on, so that nothing is missed that comes and goes between two looks of a test.
   *
   * @param selectors what to count, by a name for it.
   */
  async watchGrowth(selectors: Readonly<Record<string, string>>): Promise<Growth> {
    await this.page.evaluate(`{
      const selectors = ${JSON.stringify(selectors)};
      const counts = (window.countsSeen = Object.fromEntries(Object.keys(selectors).map((name) => [name, []])));
      const look = () => {
        for (const [name, selector] of Object.entries(selectors)) {
          const count = document.querySelectorAll(selector).length;
          if (count > 0 && !counts[name].includes(count)) counts[name].push(count);
        }
      };
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
      look();
    }`);
    const seen = (): Promise<unknown> => this.page.evaluate('window.countsSeen');
    return {
      until: (name, steps) =>
        this.until(`window.countsSeen[${JSON.stringify(name)}].length >= ${steps}`).catch(async (cause: unknown) => {
          throw new Error(`${name} grew in fewer than ${steps} steps: ${JSON.stringify(await seen())}`, { cause });
        }),
    };
  }

  /** Presses Tab until an element that matches has the focus. */
  async tabTo(selector: string, most = 60): Promise<void> {
    for (let presses = 0; presses < most; presses += 1) {
      await this.page.keyboard.press('Tab');
      if (await this.page.evaluate<boolean>(`document.activeElement?.matches(${JSON.stringify(selector)}) ?? false`)) return;
    }
    throw new Error(`${selector} cannot be reached with ${most} presses of Tab on ${this.page.url()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
  }
}
