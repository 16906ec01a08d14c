import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import { FailedPrecondition, Unauthenticated, Unavailable } from '../errors.js';
import { type Caller } from './bearer-tokens.js';

/** Whose tokens are believed. */
export interface OidcOptions {
  /** Must be the token's "iss". */
  readonly issuer: string;
  /** Must be in the token's "aud". */
  readonly audience: string;
  /** Where the issuer's keys are; by default what its discovery document says. */
  readonly jwks?: string;
  /** Claim that holds the roles, as text or as a list; other words in it do not matter. Dots lead into objects. */
  readonly roleClaim: string;
}

/** Shared secrets and "none" are no signatures of an issuer. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCK_SECONDS = 30;
const FETCH_MS = 5000;

/** Callers by tokens of an OpenID Connect issuer. Its keys are fetched when the first token comes, and again when an unknown key signs. */
export class OidcTokens<Role extends string> {
  #keys: Promise<ReturnType<typeof createRemoteJWKSet>> | undefined;

  /** @param roles from the least to the most powerful */
  constructor(
    private readonly options: OidcOptions,
    private readonly roles: readonly Role[],
  ) {}

  /** Whether a token has the form of theirs: three parts, the first of them a JSON object. */
  static isOne(token: string): boolean {
    return /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(token);
  }

  /**
   * Who shows the token.
   * @throws Unauthenticated for a token that is forged, expired or for somebody else; Unavailable when the issuer's keys cannot be had
   */
  async callerOf(token: string): Promise<Caller<Role>> {
    const { issuer, audience } = this.options;
    let payload: JWTPayload;
    try {
      const keys = await (this.#keys ??= this.#open());
      ({ payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_SECONDS,
        requiredClaims: ['sub', 'exp'],
      }));
    } catch (error) {
      if (error instanceof FailedPrecondition || error instanceof Unavailable) {
        this.#keys = undefined;
        throw error;
      }
      if (!(error instanceof errors.JOSEError)) throw new Unavailable(issuer, 'its keys cannot be fetched', { cause: error });
      if (error instanceof errors.JWKSTimeout || error.code === 'ERR_JOSE_GENERIC') {
        throw new Unavailable(issuer, `its keys cannot be fetched: ${error.message}`, { cause: error });
      }
      // The library's words tell which claim was wrong, and never hold the token.
      throw new Unauthenticated(`this token is not valid here: ${error.message}`, { cause: error });
    }
    const role = this.#roleIn(payload);
    if (role === undefined) {
      throw new Unauthenticated(`this token's claim ${this.options.roleClaim} holds none of ${this.roles.join(', ')}`);
    }
    return { name: payload.sub ?? '', role };
  }

  async #open(): Promise<ReturnType<typeof createRemoteJWKSet>> {
    const { issuer, jwks } = this.options;
    return createRemoteJWKSet(new URL(jwks ?? (await discovered(issuer))), { timeoutDuration: FETCH_MS, cooldownDuration: 10_000 });
  }

  /** The most powerful of the token's roles. */
  #roleIn(payload: JWTPayload): Role | undefined {
    let value: unknown = payload;
    for (const part of this.options.roleClaim.split('.')) {
      value =
        typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? (value as Record<string, unknown>)[part] : undefined;
    }
    const held = (typeof value === 'string' ? value.split(/[\s,]+/) : Array.isArray(value) ? value : []) as unknown[];
    return this.roles.findLast((role) => held.includes(role));
  }
}

async function discovered(issuer: string): Promise<string> {
  const address = `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`;
  let document: { issuer?: unknown; jwks_uri?: unknown };
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(FETCH_MS), redirect: 'error' });
    if (!response.ok) throw new Error(`status ${response.status}`);
    document = (await response.json()) as typeof document;
  } catch (error) {
    throw new Unavailable(address, `it cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (document.issuer !== issuer || typeof document.jwks_uri !== 'string') {
    throw new FailedPrecondition(address, `it must name the issuer ${issuer} and a jwks_uri`);
  }
  return document.jwks_uri;
}
