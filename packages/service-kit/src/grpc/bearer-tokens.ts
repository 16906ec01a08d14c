import { type Metadata } from '@grpc/grpc-js';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { FailedPrecondition, PermissionDenied, Unauthenticated } from '../errors.js';

const SHORTEST_TOKEN = 16;

/** Who may do what, by bearer token. Roles are ordered: a later one may do all that an earlier one may. */
export class BearerTokens<Role extends string> {
  readonly #roleOf: ReadonlyMap<string, Role>;

  private constructor(
    private readonly roles: readonly Role[],
    tokens: ReadonlyMap<string, Role>,
  ) {
    this.#roleOf = tokens;
  }

  /**
   * Reads a file with one "ROLE TOKEN" a line; empty lines and lines that start with # do not count.
   * @param roles from the least to the most powerful
   * @throws FailedPrecondition naming the file and the line, never the token
   */
  static fromFile<Role extends string>(path: string, roles: readonly Role[]): BearerTokens<Role> {
    const wrong = (rule: string, cause?: unknown): FailedPrecondition => new FailedPrecondition(`token file ${path}`, rule, { cause });
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw wrong('it cannot be read', error);
    }
    const tokens = new Map<string, Role>();
    for (const [index, line] of text.split('\n').entries()) {
      if (/^\s*(#|$)/.test(line)) continue;
      const [role = '', token = '', ...more] = line.trim().split(/\s+/);
      const known = roles.find((name) => name === role);
      if (known === undefined) throw wrong(`line ${index + 1} must begin with one of ${roles.join(', ')}`);
      if (more.length > 0 || token.length < SHORTEST_TOKEN)
        throw wrong(`line ${index + 1} must hold one token of at least ${SHORTEST_TOKEN} characters`);
      if (tokens.has(hashed(token))) throw wrong(`line ${index + 1} repeats the token of another line`);
      tokens.set(hashed(token), known);
    }
    if (tokens.size === 0) throw wrong('it holds no token');
    return new BearerTokens(roles, tokens);
  }

  /**
   * Lets a call pass or not.
   * @param needed the least powerful role that may make the call
   * @throws Unauthenticated without a known token, PermissionDenied when its role is not enough
   */
  admit(metadata: Metadata, action: string, needed: Role): void {
    const header = metadata.get('authorization')[0];
    const token = typeof header === 'string' ? /^Bearer (\S+)$/i.exec(header)?.[1] : undefined;
    if (token === undefined) throw new Unauthenticated('send "authorization: Bearer TOKEN"');
    // Looked up by hash, so that the time the answer takes tells nothing of the tokens.
    const role = this.#roleOf.get(hashed(token));
    if (role === undefined) throw new Unauthenticated('this token is not known');
    if (this.roles.indexOf(role) < this.roles.indexOf(needed))
      throw new PermissionDenied(action, `role ${role} is not enough, ${needed} is needed`);
  }
}

function hashed(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
