import { html, Html, squeeze, type Content } from '../report/page/html.js';
import { ASSETS } from './assets.js';

/** Where a page is in the site. */
export type Place = 'runs' | 'networks' | 'datasets' | 'compare' | 'api' | 'none';

/** A page of the site. */
export interface Page {
  readonly title: string;
  readonly place: Place;
  /** Below the title: what the page is about, in a line. */
  readonly lead?: Content;
  /** Beside the title: what can be done. */
  readonly actions?: Content;
  readonly body: Content;
  /** Address of the page's live events, for pages that change by themselves. */
  readonly live?: string;
  /** Whether the page is fetched anew every few seconds, for pages of things that change. */
  readonly isPolled?: boolean;
  /** Whether the visitor has a session that can be ended. */
  readonly canLogOut?: boolean;
}

const LINKS: readonly (readonly [Place, string, string])[] = [
  ['runs', '/runs', 'Runs'],
  ['networks', '/networks', 'Networks'],
  ['datasets', '/datasets', 'Data sets'],
  ['compare', '/compare', 'Compare'],
  ['api', '/api', 'API'],
];

/** The page as HTML. */
export function renderPage({ title, place, lead, actions, body, live, isPolled = false, canLogOut }: Page): string {
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>${title} · RiFT</title>
      <link rel="icon" href="${ASSETS.icon}" type="image/svg+xml" />
      <link rel="stylesheet" href="${ASSETS.styles}" />
      <script type="module" src="${ASSETS.script}"></script>
      ${(live !== undefined || isPolled) && html`<noscript><meta http-equiv="refresh" content="10" /></noscript>`}
    </head>
    <body>
      <a class="skip" href="#content">Skip to the content</a>
      <div class="bar">
        <div class="bar-in">
          <a class="brand" href="/runs"><img src="${ASSETS.icon}" alt="" width="26" height="26" />RiFT</a>
          <nav class="site" aria-label="Site">
            <ul>
              ${LINKS.map(
                ([key, href, name]) => html`<li><a href="${href}" ${key === place && new Html('aria-current="page"')}>${name}</a></li>`,
              )}
            </ul>
          </nav>
          ${canLogOut === true && html`<form method="post" action="/logout"><button class="plain-button">Log out</button></form>`}
          <a class="button primary" href="/runs/new">New run</a>
        </div>
      </div>
      <header class="title">
        <div>
          <h1>${title}</h1>
          ${lead !== undefined && html`<div class="lead">${lead}</div>`}
        </div>
        ${actions !== undefined && html`<div class="actions">${actions}</div>`}
      </header>
      <main id="content" ${live !== undefined && html`data-live="${live}"`} ${isPolled && new Html('data-polled')}>${body}</main>
      <footer>RiFT · robust critical fine-tuning (ICCV 2023)</footer>
    </body>
  </html>`;
  return `<!doctype html>\n${squeeze(page.text)}\n`;
}
