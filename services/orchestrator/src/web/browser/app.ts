/** What the pages do beyond plain HTML: they follow runs. Everything else works without a script. */

/** A part of the page that has changed: an element's identifier and its new markup. */
interface Patch {
  readonly id: string;
  readonly html: string;
}

/** Time between two fetches of a page that shows several runs. */
const POLL_MS = 3000;

const main = document.querySelector<HTMLElement>('main[data-live]');
if (main?.dataset['live'] !== undefined) follow(main.dataset['live']);
const polled = document.querySelector<HTMLElement>('main[data-polled]');
if (polled) poll(polled);

/** Fetches the page again and takes its content over, unless the reader is doing something with what there is. */
function poll(content: HTMLElement): void {
  setTimeout(() => {
    const isUsed = content.contains(document.activeElement) || content.querySelector(':checked') !== null;
    const next = document.hidden || isUsed ? Promise.resolve(content) : renewed(content);
    void next.then((main) => main.dataset['polled'] !== undefined && poll(main));
  }, POLL_MS);
}

async function renewed(content: HTMLElement): Promise<HTMLElement> {
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) return content;
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector<HTMLElement>('main');
    if (!fresh) return content;
    document.body.classList.remove('offline');
    if (fresh.innerHTML !== content.innerHTML || fresh.dataset['polled'] === undefined) content.replaceWith(fresh);
    return fresh.isConnected ? fresh : content;
  } catch {
    document.body.classList.add('offline');
    return content;
  }
}

/** Takes changes over as they come; the browser comes back by itself after a broken connection and names the last event it saw. */
function follow(address: string): void {
  const source = new EventSource(address);
  source.addEventListener('patch', (event: MessageEvent<string>) => {
    for (const patch of JSON.parse(event.data) as Patch[]) apply(patch);
  });
  source.addEventListener('end', () => source.close());
  source.addEventListener('open', () => document.body.classList.remove('offline'));
  source.addEventListener('error', () => document.body.classList.add('offline'));
}

/** Puts new markup in place, keeping what the reader opened, scrolled to or has the focus on. */
function apply({ id, html }: Patch): void {
  const target = document.getElementById(id);
  if (!target) return;
  const fresh = document.createElement('template');
  fresh.innerHTML = html;
  const openIds = new Set([...target.querySelectorAll<HTMLDetailsElement>('details[open][id]')].map((details) => details.id));
  for (const details of fresh.content.querySelectorAll<HTMLDetailsElement>('details[id]')) details.open = openIds.has(details.id);
  const focused = target.contains(document.activeElement) ? document.activeElement?.id : undefined;
  const log = target.querySelector('.log');
  const wasAtEnd = log !== null && log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const scrolled = log?.scrollTop ?? 0;
  target.replaceChildren(fresh.content);
  const newLog = target.querySelector('.log');
  if (newLog) newLog.scrollTop = wasAtEnd ? newLog.scrollHeight : scrolled;
  if (focused !== undefined && focused !== '') document.getElementById(focused)?.focus();
}

for (const log of document.querySelectorAll('.log')) log.scrollTop = log.scrollHeight;

export {};
