import { InvalidArgument, PermissionDenied, Unauthenticated, type Caller, type Gate } from '@rift/service-kit';
import type { Request, Response } from 'express';
import type { Role } from '../security.js';

const COOKIE = 'rift_session';
const SESSION_MS = 12 * 3600 * 1000;

/** Who may do what over HTTP: the roles and tokens of the gRPC API, by header or by the session of a browser. */
export class Access {
  readonly #callers = new WeakMap<Request, Caller<Role>>();

  /** @param gate of the gRPC API; one that asks for no token lets everybody do everything */
  constructor(
    private readonly gate: Gate<Role>,
    private readonly isSecure: boolean,
  ) {}

  /** Whether callers must show who they are. */
  get isGuarded(): boolean {
    return this.gate.asksForToken;
  }

  /**
   * Finds out who sends a request, for the checks that follow, and counts it: who shows nothing valid is counted by address, so that
   * guessing tokens is limited too.
   * @throws Unauthenticated for a header that is not valid, ResourceExhausted for too many requests
   */
  async identify(request: Request): Promise<void> {
    const header = request.headers.authorization;
    try {
      if (this.isGuarded && header !== undefined) this.#callers.set(request, await this.gate.callerOf(header));
    } catch (error) {
      if (error instanceof Unauthenticated) this.count(request);
      throw error;
    }
    const known = this.#known(request);
    if (known === undefined) this.count(request);
    else this.gate.count(known.name);
  }

  /** Counts a request by its address. @throws ResourceExhausted for too many */
  count(request: Request): void {
    this.gate.count(request.ip ?? 'unknown');
  }

  /** Who sends a request, which must have been identified. @throws Unauthenticated */
  callerOf(request: Request): Caller<Role> {
    if (!this.isGuarded) return { name: request.ip ?? 'unknown', role: 'admin' };
    const known = this.#known(request);
    if (known === undefined) throw new Unauthenticated('send "authorization: Bearer TOKEN", or log in at /login');
    return known;
  }

  /** Who has shown a token, now or at the login. */
  #known(request: Request): Caller<Role> | undefined {
    const byHeader = this.#callers.get(request);
    if (byHeader !== undefined) return byHeader;
    const session = sessionOf(request);
    const role = session === undefined ? undefined : this.gate.tokens?.roleOfSession(session);
    return role === undefined ? undefined : { name: `${role} (web page)`, role };
  }

  /** See {@link callerOf}. */
  roleOf(request: Request): Role {
    return this.callerOf(request).role;
  }

  /** @throws Unauthenticated, PermissionDenied */
  admit(request: Request, needed: Role): void {
    if (this.isGuarded) this.gate.demand(this.roleOf(request), `${request.method} ${request.path}`, needed);
  }

  /** What the caller may do, for pages that show only what can be used. */
  may(request: Request, needed: Role): boolean {
    try {
      this.admit(request, needed);
      return true;
    } catch (error) {
      if (error instanceof PermissionDenied || error instanceof Unauthenticated) return false;
      throw error;
    }
  }

  /** Begins the session of a browser. @throws InvalidArgument for an unknown token */
  logIn(response: Response, token: string): void {
    if (!this.isGuarded) return;
    const { tokens } = this.gate;
    if (tokens === undefined) throw new InvalidArgument('token', '…', 'the page takes tokens of RIFT_TOKENS, which is not set here');
    let session: string;
    try {
      session = tokens.openSession(token, Date.now() + SESSION_MS);
    } catch (error) {
      if (!(error instanceof Unauthenticated)) throw error;
      throw new InvalidArgument('token', '…', 'this token is not known', { cause: error });
    }
    response.cookie(COOKIE, session, { ...this.#cookie, maxAge: SESSION_MS });
  }

  /** Ends it. */
  logOut(response: Response): void {
    response.clearCookie(COOKIE, this.#cookie);
  }

  get #cookie() {
    return { httpOnly: true, sameSite: 'strict' as const, secure: this.isSecure, path: '/' };
  }
}

function sessionOf(request: Request): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name === COOKIE && value !== undefined) return decodeURIComponent(value);
  }
  return undefined;
}
