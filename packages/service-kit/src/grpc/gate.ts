import { type Metadata, type ServerCredentials } from '@grpc/grpc-js';
import { EnvironmentError } from '../environment.js';
import { PermissionDenied, Unauthenticated } from '../errors.js';
import { BearerTokens, type Caller } from './bearer-tokens.js';
import { type OidcOptions, OidcTokens } from './oidc.js';
import { RateLimit } from './rate-limit.js';
import { type Admission, type Authorize } from './strategy.js';
import { type ServerTlsFiles, serverTls } from './tls.js';

/** Who is let in; whatever is not set is not asked for. */
export interface GateSettings {
  /** PEM files of the own certificate: the API is then served over TLS. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Authority of clients' certificates: only clients that have one are let in. */
  readonly clientAuthority: string | undefined;
  /** File of "ROLE TOKEN [NAME]" lines. */
  readonly tokensFile: string | undefined;
  /** Issuer of tokens. With a token file too, either will do. */
  readonly oidc?: OidcOptions | undefined;
  /** Calls per second and caller; 0 for no limit. */
  readonly callsPerSecond: number;
  /** Streams that one caller may have open; none or 0 for no limit. */
  readonly streamsPerCaller?: number;
}

/** Who may do what. */
export interface GateRules<Role extends string> {
  /** From the least to the most powerful. */
  readonly roles: readonly Role[];
  /** The least powerful role that may call a method. @param path as on the wire */
  readonly roleFor: (path: string) => Role;
}

/** The door of a gRPC API: TLS, tokens, roles, limits. */
export class Gate<Role extends string> {
  readonly tokens: BearerTokens<Role> | undefined;
  readonly #oidc: OidcTokens<Role> | undefined;
  readonly #limit: RateLimit;

  /** @throws EnvironmentError for settings that do not fit together, FailedPrecondition when a file cannot be used */
  constructor(
    private readonly settings: GateSettings,
    private readonly rules: GateRules<Role>,
  ) {
    const { certificate, key, clientAuthority, tokensFile, oidc, callsPerSecond } = settings;
    if ((certificate === undefined) !== (key === undefined)) {
      throw new EnvironmentError(['RIFT_TLS_CERT and RIFT_TLS_KEY belong together: set both or neither']);
    }
    if (clientAuthority !== undefined && certificate === undefined) {
      throw new EnvironmentError(['RIFT_TLS_CLIENT_CA needs RIFT_TLS_CERT and RIFT_TLS_KEY: clients are told apart over TLS only']);
    }
    this.tokens = tokensFile === undefined ? undefined : BearerTokens.fromFile(tokensFile, rules.roles);
    this.#oidc = oidc === undefined ? undefined : new OidcTokens(oidc, rules.roles);
    this.#limit = new RateLimit(callsPerSecond);
  }

  /** Whether callers must show who they are by a token. */
  get asksForToken(): boolean {
    return this.tokens !== undefined || this.#oidc !== undefined;
  }

  /** The own certificate; undefined when there is none. */
  get tlsFiles(): ServerTlsFiles | undefined {
    const { certificate, key, clientAuthority } = this.settings;
    if (certificate === undefined || key === undefined) return undefined;
    return { certificate, key, ...(clientAuthority === undefined ? {} : { clientAuthority }) };
  }

  /** How a server is to be started. */
  serverOptions(): { credentials?: ServerCredentials; authorize: Authorize; streamsPerCaller: number } {
    const files = this.tlsFiles;
    return {
      ...(files === undefined ? {} : { credentials: serverTls(files) }),
      authorize: (metadata, path, peer) => this.admit(metadata, path, peer),
      streamsPerCaller: this.settings.streamsPerCaller ?? 0,
    };
  }

  /** @throws Unauthenticated, PermissionDenied, ResourceExhausted */
  async admit(metadata: Metadata, path: string, peer: string): Promise<Admission> {
    const needed = this.rules.roleFor(path);
    const header = metadata.get('authorization')[0];
    // Whoever shows no valid token is counted by address: guessing tokens is limited too.
    const address = hostOf(peer);
    if (!this.asksForToken) {
      this.#limit.take(address);
      return { caller: address, role: '', audited: this.#isAudited(needed) };
    }
    let caller: Caller<Role>;
    try {
      caller = await this.callerOf(typeof header === 'string' ? header : undefined);
    } catch (error) {
      if (error instanceof Unauthenticated) this.#limit.take(address);
      throw error;
    }
    this.#limit.take(caller.name);
    this.demand(caller.role, path, needed);
    return { caller: caller.name, role: caller.role, audited: this.#isAudited(needed) };
  }

  /** Who sends a header. @throws Unauthenticated without a known token */
  async callerOf(header: string | undefined): Promise<Caller<Role>> {
    const token = /^Bearer (\S+)$/i.exec(header ?? '')?.[1];
    if (token !== undefined && this.#oidc !== undefined && OidcTokens.isOne(token)) return this.#oidc.callerOf(token);
    if (this.tokens !== undefined) return this.tokens.callerOf(header);
    throw new Unauthenticated(token === undefined ? 'send "authorization: Bearer TOKEN"' : 'this is no token of the issuer');
  }

  /** Counts a call that comes another way than gRPC. @throws ResourceExhausted, with the time after which to try again */
  count(caller: string): void {
    this.#limit.take(caller);
  }

  /** @throws PermissionDenied when the role is not enough for what is needed */
  demand(role: Role, action: string, needed: Role): void {
    const { roles } = this.rules;
    if (roles.indexOf(role) < roles.indexOf(needed)) throw new PermissionDenied(action, `role ${role} is not enough, ${needed} is needed`);
  }

  /** What only looks is not written down; everything else is. */
  #isAudited(needed: Role): boolean {
    return needed !== this.rules.roles[0];
  }
}

/** The host of grpc-js's peer, which is HOST:PORT with IPv6 hosts bare or in brackets. */
function hostOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '') || 'unknown';
}
