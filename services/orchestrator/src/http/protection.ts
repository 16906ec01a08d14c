import { isIP } from 'node:net';
import type { NextFunction, Request, Response } from 'express';
import { PermissionDenied } from '@rift/service-kit';

/**
 * Nothing is loaded from elsewhere and nothing inline is run; pictures may be in the page itself. Forms go back to this service.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What the protection needs to know. */
export interface ProtectionOptions {
  /** Names under which browsers may reach the service, beside its addresses. */
  readonly hosts: readonly string[];
  /** Whether callers must show who they are. */
  readonly isGuarded: boolean;
  readonly isSecure: boolean;
}

/** Headers that keep pages safe, and refusal of what other sites make a browser send here. */
export function protection({ hosts, isGuarded, isSecure }: ProtectionOptions) {
  return (request: Request, response: Response, next: NextFunction): void => {
    response.set(HEADERS);
    if (isSecure) response.set('strict-transport-security', 'max-age=31536000');
    if (!isGuarded && !isKnownHost(request.headers.host ?? '', hosts)) {
      // A foreign name that resolves to this machine would make another site this service's own (DNS rebinding).
      next(new PermissionDenied('this host name', `${request.headers.host} is not one of the service's names; add it to RIFT_WEB_HOSTS`));
      return;
    }
    if (!SAFE_METHODS.has(request.method) && isFromElsewhere(request)) {
      next(new PermissionDenied(`${request.method} ${request.path}`, 'it comes from a page of another site'));
      return;
    }
    next();
  };
}

function isKnownHost(host: string, names: readonly string[]): boolean {
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase();
  return isIP(name) !== 0 || name === 'localhost' || names.includes(name);
}

/** Browsers tell where a request comes from; what tells nothing is no browser. */
function isFromElsewhere({ headers }: Request): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  if (headers.origin === undefined) return false;
  return !URL.canParse(headers.origin) || new URL(headers.origin).host !== headers.host;
}
