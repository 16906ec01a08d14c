import { InvalidArgument, PermissionDenied, Unauthenticated, type BearerTokens } from '@rift/service-kit';
import type { Request, Response } from 'express';
import type { Role } from '../security.js';

const COOKIE = 'rift_session';
const SESSION_MS = 12 * 3600 * 1000;

/** Who may do what over HTTP: the roles and tokens of the gRPC API, by header or by the session of a browser. */
export class Access {
  /** @param tokens undefined: everybody may do everything, as on the gRPC side. */
  constructor(
    private readonly tokens: BearerTokens<Role> | undefined,
    private readonly isSecure: boolean,
  ) {}

  /** Whether callers must show who they are. */
  get isGuarded(): boolean {
    return this.tokens !== undefined;
  }

  /** @throws Unauthenticated */
  roleOf(request: Request): Role {
    if (!this.tokens) return 'admin';
    const header = request.headers.authorization;
    if (header !== undefined) return this.tokens.roleOf(header);
    const session = sessionOf(request);
    const role = session === undefined ? undefined : this.tokens.roleOfSession(session);
    if (role === undefined) throw new Unauthenticated('send "authorization: Bearer TOKEN", or log in at /login');
    return role;
  }

  /** @throws Unauthenticated, PermissionDenied */
  admit(request: Request, needed: Role): void {
    this.tokens?.admitRole(this.roleOf(request), `${request.method} ${request.path}`, needed);
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
    if (!this.tokens) return;
    let session: string;
    try {
      session = this.tokens.openSession(token, Date.now() + SESSION_MS);
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
