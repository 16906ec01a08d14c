import { type Metadata } from '@grpc/grpc-js';
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { FailedPrecondition, PermissionDenied, Unauthenticated } from '../errors.js';

const SHORTEST_TOKEN = 16;

/** Who calls, as the audit log and the limits know them. */
export interface Caller<Role extends string = string> {
  readonly name: string;
  readonly role: Role;
}

interface Known<Role extends string> extends Caller<Role> {
  /** Signs the sessions of this token. Made of it alone, so that a session tells nothing of other tokens. */
  readonly sessionKey: Buffer;
}

/** Who may do what, by bearer token. Roles are ordered: a later one may do all that an earlier one may. */
export class BearerTokens<Role extends string> {
  readonly #known: ReadonlyMap<string, Known<Role>>;

  private constructor(
    private readonly roles: readonly Role[],
    tokens: ReadonlyMap<string, Known<Role>>,
  ) {
    this.#known = tokens;
  }

  /**
   * Reads a file with one "ROLE TOKEN [NAME]" a line; empty lines and lines that start with # do not count. The name, which stands for
   * the caller in the audit log, is the role and a piece of the token's hash unless it is given.
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
    const tokens = new Map<string, Known<Role>>();
    for (const [index, line] of text.split('\n').entries()) {
      if (/^\s*(#|$)/.test(line)) continue;
      const [role = '', token = '', name = `${role}-${hashed(token).slice(0, 8)}`, ...more] = line.trim().split(/\s+/);
      const known = roles.find((name) => name === role);
      if (known === undefined) throw wrong(`line ${index + 1} must begin with one of ${roles.join(', ')}`);
      if (more.length > 0 || token.length < SHORTEST_TOKEN)
        throw wrong(`line ${index + 1} must hold one token of at least ${SHORTEST_TOKEN} characters`);
      if (tokens.has(hashed(token))) throw wrong(`line ${index + 1} repeats the token of another line`);
      tokens.set(hashed(token), { name, role: known, sessionKey: createHmac('sha256', token).update('session').digest() });
    }
    if (tokens.size === 0) throw wrong('it holds no token');
    return new BearerTokens(roles, tokens);
  }

  /**
   * Lets a call pass or not.
   * @param needed the least powerful role that may make the call
   * @throws Unauthenticated without a known token, PermissionDenied when its role is not enough
   */
  admit(metadata: Metadata, action: string, needed: Role): Caller<Role> {
    const header = metadata.get('authorization')[0];
    const caller = this.callerOf(typeof header === 'string' ? header : undefined);
    this.admitRole(caller.role, action, needed);
    return caller;
  }

  /**
   * Who sends a header.
   * @param header "Bearer TOKEN"
   * @throws Unauthenticated without a known token
   */
  callerOf(header: string | undefined): Caller<Role> {
    const token = /^Bearer (\S+)$/i.exec(header ?? '')?.[1];
    if (token === undefined) throw new Unauthenticated('send "authorization: Bearer TOKEN"');
    // Looked up by hash, so that the time the answer takes tells nothing of the tokens.
    const known = this.#known.get(hashed(token));
    if (known === undefined) throw new Unauthenticated('this token is not known');
    return known;
  }

  /** The role of who sends a header; see {@link callerOf}. */
  roleOf(header: string | undefined): Role {
    return this.callerOf(header).role;
  }

  /** @throws PermissionDenied when the role is not enough for what is needed */
  admitRole(role: Role, action: string, needed: Role): void {
    if (this.roles.indexOf(role) < this.roles.indexOf(needed))
      throw new PermissionDenied(action, `role ${role} is not enough, ${needed} is needed`);
  }

  /**
   * A session for browsers in place of the token: it expires, ends when the token is withdrawn, and any replica that has the token
   * file knows it.
   * @param expiresAt milliseconds since the epoch
   * @throws Unauthenticated for an unknown token
   */
  openSession(token: string, expiresAt: number): string {
    const id = hashed(token);
    const known = this.#known.get(id);
    if (known === undefined) throw new Unauthenticated('this token is not known');
    const content = `${id}.${Math.floor(expiresAt)}`;
    return `${content}.${signed(known.sessionKey, content)}`;
  }

  /** The role of a session; undefined when it is expired, forged or its token is withdrawn. */
  roleOfSession(session: string, now = Date.now()): Role | undefined {
    const [id = '', expiresAt = '', signature = ''] = session.split('.');
    const known = this.#known.get(id);
    if (known === undefined || !(Number(expiresAt) > now)) return undefined;
    const expected = Buffer.from(signed(known.sessionKey, `${id}.${expiresAt}`));
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected) ? known.role : undefined;
  }
}

function signed(key: Buffer, content: string): string {
  return createHmac('sha256', key).update(content).digest('base64url');
}

function hashed(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
