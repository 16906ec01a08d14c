import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** A worker's address as it was configured: a name or an address, and a port. */
export interface Endpoint {
  readonly host: string;
  readonly port: string;
}

/** Takes HOST:PORT or dns:///NAME:PORT apart. */
export function endpointOf(target: string): Endpoint {
  const [, host = '', port = ''] = /^(?:dns:\/{2,3})?(?:[^/]*\/)?\[?([^\]]+?)\]?:(\d+)$/.exec(target) ?? [];
  return { host, port };
}

/** The addresses that a name stands for now, sorted; none when it cannot be looked up, one for an address. */
export async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    const found = (await lookup(host, { all: true })).map(({ address, family }) => ({ address, family }));
    const wanted = found.some(({ family }) => family === 4) ? 4 : 6;
    return [...new Set(found.filter(({ family }) => family === wanted).map(({ address }) => address))].sort();
  } catch {
    return [];
  }
}
