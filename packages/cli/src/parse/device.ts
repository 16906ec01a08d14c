import { usageError } from '../errors.js';

/** Checks `auto`, `cpu`, `cuda` or `cuda:N`. @throws a usage error */
export function parseDevice(text: string, what = '--device'): string {
  if (/^(auto|cpu|cuda(:\d{1,3})?)$/.test(text)) return text;
  throw usageError(`${what} ${JSON.stringify(text)} is not known. Choose auto, cpu, cuda or cuda:N.`);
}

/** Checks `HOST:PORT` (an IPv6 host stands in brackets). @throws a usage error */
export function parseEndpoint(text: string, what = '--endpoint'): string {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535)
    throw usageError(`${what} ${JSON.stringify(text)} must be HOST:PORT, for example 127.0.0.1:50051.`);
  return text;
}
