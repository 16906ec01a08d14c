import { type z } from 'zod';
import { EnvironmentError, setting } from '../environment.js';
import { type GateSettings } from './gate.js';

/** The variables that say who is let in, for readEnvironment; the same for every service. */
export const GATE_VARIABLES = {
  /** PEM files of this service's certificate and key: the API is then served over TLS, and renewed files are picked up. */
  RIFT_TLS_CERT: setting.text().optional(),
  RIFT_TLS_KEY: setting.text().optional(),
  /** PEM file of the authority whose certificates callers must have. */
  RIFT_TLS_CLIENT_CA: setting.text().optional(),
  /** File of "ROLE TOKEN [NAME]" lines (roles read, submit, admin): callers must then send one of the tokens. */
  RIFT_TOKENS: setting.text().optional(),
  /** OpenID Connect issuer whose tokens are taken too. */
  RIFT_OIDC_ISSUER: setting
    .text()
    .regex(/^https?:\/\/[^\s?#]+$/, 'must be an address such as https://login.example.com/realms/rift')
    .optional(),
  /** What its tokens must be made for. */
  RIFT_OIDC_AUDIENCE: setting.text().default('rift'),
  /** Where the issuer's keys are; by default what its discovery document says. */
  RIFT_OIDC_JWKS: setting
    .text()
    .regex(/^https?:\/\/\S+$/, 'must be an http or https address')
    .optional(),
  /** Claim of its tokens that holds the roles; dots lead into objects. */
  RIFT_OIDC_ROLE_CLAIM: setting.text().default('roles'),
  /** Calls that one caller may make per second, with bursts of twice as many; 0 for no limit. */
  RIFT_CALLS_PER_SECOND: setting.integer(0, 1_000_000).default(500),
  /** Streams that one caller may have open at once; 0 for no limit. */
  RIFT_STREAMS_PER_CALLER: setting.integer(0, 1_000_000).default(256),
};

type GateVariables = Readonly<z.output<z.ZodObject<typeof GATE_VARIABLES>>>;

/** The settings of the gate out of the variables. @throws EnvironmentError when they do not fit together */
export function gateSettings(found: GateVariables): GateSettings {
  const { RIFT_OIDC_ISSUER: issuer, RIFT_OIDC_JWKS: jwks } = found;
  if (jwks !== undefined && issuer === undefined)
    throw new EnvironmentError(['RIFT_OIDC_JWKS needs RIFT_OIDC_ISSUER: tokens name their issuer']);
  const audience = found.RIFT_OIDC_AUDIENCE;
  const roleClaim = found.RIFT_OIDC_ROLE_CLAIM;
  return {
    certificate: found.RIFT_TLS_CERT,
    key: found.RIFT_TLS_KEY,
    clientAuthority: found.RIFT_TLS_CLIENT_CA,
    tokensFile: found.RIFT_TOKENS,
    oidc: issuer === undefined ? undefined : { issuer, audience, roleClaim, ...(jwks === undefined ? {} : { jwks }) },
    callsPerSecond: found.RIFT_CALLS_PER_SECOND,
    streamsPerCaller: found.RIFT_STREAMS_PER_CALLER,
  };
}
