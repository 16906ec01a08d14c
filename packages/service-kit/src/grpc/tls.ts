import { type ChannelCredentials, type ServerCredentials, experimental } from '@grpc/grpc-js';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { FailedPrecondition } from '../errors.js';

const REFRESH_MS = 10_000;

/** Paths of PEM files. They are read again while the process runs, so that renewed certificates need no restart. */
export interface ServerTlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** Given: only clients with a certificate of this authority are let in (mutual TLS). */
  readonly clientAuthority?: string;
  /** How often changes of the files are looked for, in milliseconds; default 10 000. */
  readonly refreshMs?: number;
}

/** Paths of PEM files, read again while the process runs. */
export interface ClientTlsFiles {
  /** The authority that the server's certificate must come from. */
  readonly authority: string;
  /** The client's own certificate and key, where the server asks for one. */
  readonly identity?: { readonly certificate: string; readonly key: string };
  readonly refreshMs?: number;
}

/** Credentials of a server. @throws FailedPrecondition when the files cannot be read or do not fit together */
export function serverTls({ certificate, key, clientAuthority, refreshMs = REFRESH_MS }: ServerTlsFiles): ServerCredentials {
  tryOut({ certificate, key, authority: clientAuthority });
  const provider = new experimental.FileWatcherCertificateProvider({
    certificateFile: certificate,
    privateKeyFile: key,
    caCertificateFile: clientAuthority,
    refreshIntervalMs: refreshMs,
  });
  // The type wants the authority first, the function the identity: grpc-js 1.14 declares them the wrong way round.
  return experimental.createCertificateProviderServerCredentials(
    provider,
    clientAuthority === undefined ? null : provider,
    clientAuthority !== undefined,
  );
}

/** Credentials of a client. @throws FailedPrecondition when the files cannot be read or do not fit together */
export function clientTls({ authority, identity, refreshMs = REFRESH_MS }: ClientTlsFiles): ChannelCredentials {
  tryOut({ authority, certificate: identity?.certificate, key: identity?.key });
  const provider = new experimental.FileWatcherCertificateProvider({
    caCertificateFile: authority,
    certificateFile: identity?.certificate,
    privateKeyFile: identity?.key,
    refreshIntervalMs: refreshMs,
  });
  return experimental.createCertificateProviderChannelCredentials(provider, identity === undefined ? null : provider);
}

/** Reads the files as TLS would: a certificate that cannot serve stops the start, not the first call. */
function tryOut({
  certificate,
  key,
  authority,
}: {
  certificate?: string | undefined;
  key?: string | undefined;
  authority?: string | undefined;
}): void {
  try {
    const read = (file: string | undefined): Buffer | undefined => (file === undefined ? undefined : readFileSync(file));
    createSecureContext({ cert: read(certificate), key: read(key), ca: read(authority) });
  } catch (error) {
    const files = [certificate, key, authority].filter((file) => file !== undefined).join(', ');
    throw new FailedPrecondition(`TLS files ${files}`, error instanceof Error ? error.message : String(error), { cause: error });
  }
}
