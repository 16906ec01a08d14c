import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { STYLES } from '../report/page/styles.js';
import { APP_STYLES } from './styles.js';

/** A file that pages load from this service. Its name holds a hash of its content, so that browsers may keep it for ever. */
export interface Asset {
  readonly type: string;
  readonly content: string;
}

/** Two bars of a chart, one of which is picked out: a criticality chart in small. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0b66c3"/><g fill="#fff"><rect x="7" y="7" width="18" height="4" rx="2" opacity=".55"/><rect x="7" y="14" width="12" height="4" rx="2" opacity=".55"/><rect x="7" y="21" width="7" height="4" rx="2"/></g></svg>`;

const files = new Map<string, Asset>();

function add(name: string, extension: string, type: string, content: string): string {
  const file = `${name}.${createHash('sha256').update(content).digest('hex').slice(0, 12)}.${extension}`;
  files.set(file, { type, content });
  return `/assets/${file}`;
}

/** Addresses of the assets. */
export const ASSETS = {
  styles: add('styles', 'css', 'text/css', `${STYLES}\n${APP_STYLES}`),
  script: add('app', 'js', 'text/javascript', readFileSync(new URL('./browser/app.js', import.meta.url), 'utf8')),
  icon: add('icon', 'svg', 'image/svg+xml', ICON),
} as const;

/** An asset by the last part of its address. */
export function assetOf(name: string): Asset | undefined {
  return files.get(name);
}
