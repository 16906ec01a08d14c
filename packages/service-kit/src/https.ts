import { readFileSync } from 'node:fs';
import type { Server } from 'node:https';
import { FailedPrecondition } from './errors.js';
import type { ServerTlsFiles } from './grpc/tls.js';

const REFRESH_MS = 10_000;

/** What Node.js takes for an HTTPS server. */
export interface HttpsOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
  readonly requestCert?: boolean;
  readonly rejectUnauthorized?: boolean;
}

/** Reads the files for an HTTPS server. @throws FailedPrecondition when one cannot be read */
export function httpsOptions({ certificate, key, clientAuthority }: ServerTlsFiles): HttpsOptions {
  const read = (file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (error) {
      throw new FailedPrecondition(`TLS file ${file}`, 'it cannot be read', { cause: error });
    }
  };
  return {
    cert: read(certificate),
    key: read(key),
    ...(clientAuthority === undefined ? {} : { ca: read(clientAuthority), requestCert: true, rejectUnauthorized: true }),
  };
}

/** Takes renewed certificates over while the server runs. @returns what ends that */
export function renewCertificates(
  server: Pick<Server, 'setSecureContext'>,
  files: ServerTlsFiles,
  onError: (error: unknown) => void,
): () => void {
  let last = httpsOptions(files);
  const timer = setInterval(() => {
    try {
      const now = httpsOptions(files);
      if (now.cert.equals(last.cert) && now.key.equals(last.key) && (now.ca === last.ca || now.ca?.equals(last.ca ?? Buffer.alloc(0))))
        return;
      server.setSecureContext(now);
      last = now;
    } catch (error) {
      onError(error);
    }
  }, files.refreshMs ?? REFRESH_MS);
  timer.unref();
  return () => clearInterval(timer);
}
