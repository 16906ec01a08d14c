import { json, urlencoded } from 'express';
import type { INestApplication } from '@nestjs/common';
import type { Gate, ListenAddress, Logger, ServiceOptions } from '@rift/service-kit';
import { auditTrail } from './audit.js';
import type { OrchestratorConfig } from '../config.js';
import type { Role } from '../security.js';
import { Access } from './access.js';
import { protection } from './protection.js';

/** Longest JSON of a request: a plan of many stages is some hundred kilobytes. */
const JSON_LIMIT = '4mb';
/** Longest form without files. */
const FORM_LIMIT = '256kb';

/** The server of REST and the web page, which lets callers in as the gRPC API does. @throws FailedPrecondition for unusable files */
export function webServer(
  config: OrchestratorConfig,
  address: ListenAddress,
  gate: Gate<Role>,
  logger: Logger,
): { access: Access; options: ServiceOptions['http'] } {
  const tls = gate.tlsFiles;
  const access = new Access(gate, tls !== undefined);
  const guard = protection({ hosts: config.webHosts, isGuarded: access.isGuarded, isSecure: tls !== undefined });
  return {
    access,
    options: {
      ...address,
      ...(tls === undefined ? {} : { tls }),
      configure: (app: INestApplication) => {
        const express = app.getHttpAdapter().getInstance() as {
          disable(setting: string): void;
          set(setting: string, value: unknown): void;
        };
        express.disable('x-powered-by');
        // Bodies of parameters are read as the one text that they are: nested ones have no meaning here.
        express.set('query parser', 'simple');
        app.use(
          guard,
          auditTrail(access, logger),
          json({ limit: JSON_LIMIT, strict: false }),
          urlencoded({ limit: FORM_LIMIT, extended: false }),
        );
      },
    },
  };
}
