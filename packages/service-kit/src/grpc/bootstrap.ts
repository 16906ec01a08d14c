import 'reflect-metadata';
import { type ServerCredentials, logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { type PackageDefinition } from '@grpc/proto-loader';
import { type DynamicModule, type INestApplication, type INestApplicationContext, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Server as HttpsServer } from 'node:https';
import { type MicroserviceOptions } from '@nestjs/microservices';
import { FailedPrecondition } from '../errors.js';
import { httpsOptions, renewCertificates } from '../https.js';
import { type Logger, nestLogger } from '../logger.js';
import { Metrics } from '../metrics.js';
import { OperationsServer } from '../operations.js';
import { readinessMetric } from '../process-metrics.js';
import { Readiness, type ReadinessCheck } from '../readiness.js';
import { ErrorFilter } from './error-filter.js';
import { type Authorize, GrpcStrategy } from './strategy.js';
import { type ServerTlsFiles } from './tls.js';

/** A place to listen at; port 0 lets the system choose one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface ServiceOptions {
  /** Name of the service in logs, metrics and errors. */
  readonly name: string;
  /** The NestJS module with the controllers. */
  readonly module: Type | DynamicModule;
  readonly packageDefinition: PackageDefinition;
  /** Full names of the gRPC services to offer. */
  readonly services: readonly string[];
  readonly grpc: ListenAddress & {
    readonly credentials?: ServerCredentials;
    readonly authorize?: Authorize;
    readonly streamsPerCaller?: number;
    readonly reflection?: boolean;
    readonly unaryTimeoutMs?: number;
    readonly drainMs?: number;
    readonly maxConnectionAgeMs?: number;
  };
  /** Where /livez, /readyz and /metrics are; undefined for nowhere. */
  readonly operations?: ListenAddress;
  /**
   * HTTP controllers of the module (REST, web page), if it has any; needs @nestjs/platform-express. Bodies are left to `configure`, and
   * open connections are cut at the end: event streams would go on for ever.
   */
  readonly http?: ListenAddress & {
    readonly configure?: (app: INestApplication) => void | Promise<void>;
    /** Serves HTTPS. */
    readonly tls?: ServerTlsFiles;
  };
  readonly checks?: readonly ReadinessCheck[];
  readonly logger: Logger;
  readonly metrics?: Metrics;
}

/** A service that answers calls. */
export interface RunningService {
  readonly app: INestApplicationContext;
  readonly grpcPort: number;
  readonly httpPort: number | undefined;
  readonly operationsPort: number | undefined;
  readonly readiness: Readiness;
  /** Drains and stops everything; may be called more than once. */
  close(): Promise<void>;
}

/**
 * Starts a service: gRPC, its health, reflection, metrics, and HTTP where asked.
 * @throws FailedPrecondition when a port is in use or an RPC of the services has not exactly one handler; nothing is left open then
 */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const { name, logger, http, operations } = options;
  // grpc-js writes to standard error what reaches the caller, or the log, as an error anyway.
  setLogVerbosity(logVerbosity.NONE);
  const metrics = options.metrics ?? new Metrics().withProcessMetrics();
  const readiness = new Readiness(options.checks);
  readinessMetric(metrics.registry, readiness);
  const errors = new ErrorFilter(logger);
  const { host, port, ...grpcOptions } = options.grpc;
  const strategy = new GrpcStrategy({
    ...grpcOptions,
    name,
    url: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    packageDefinition: options.packageDefinition,
    services: options.services,
    logger,
    metrics,
    readiness,
    errors,
  });
  const operationsServer = new OperationsServer(readiness, metrics);
  let app: INestApplicationContext | undefined;
  let stopRenewing = (): void => undefined;
  const stop = async (): Promise<void> => {
    readiness.drain();
    stopRenewing();
    await app?.close();
    // A gRPC server that failed half-way through its start is not known to NestJS.
    await strategy.close();
    await operationsServer.close();
  };
  try {
    let httpPort: number | undefined;
    const nest = { logger: nestLogger(logger), abortOnError: false };
    if (http === undefined) {
      const microservice = await NestFactory.createMicroservice<MicroserviceOptions>(options.module, { ...nest, strategy });
      app = microservice;
      microservice.useGlobalFilters(errors);
      await microservice.listen();
    } else {
      const tls = http.tls === undefined ? {} : { httpsOptions: httpsOptions(http.tls) };
      const hybrid = await NestFactory.create(options.module, { ...nest, ...tls, bodyParser: false, forceCloseConnections: true });
      app = hybrid;
      hybrid.useGlobalFilters(errors);
      await http.configure?.(hybrid);
      hybrid.connectMicroservice<MicroserviceOptions>({ strategy }, { inheritAppConfig: true });
      await hybrid.startAllMicroservices();
      httpPort = await listenHttp(hybrid, http);
      if (http.tls !== undefined) {
        const failed = (error: unknown): void => logger.error({ err: error }, 'the renewed certificate cannot be used');
        stopRenewing = renewCertificates(hybrid.getHttpServer() as HttpsServer, http.tls, failed);
      }
    }
    const operationsPort = operations === undefined ? undefined : await operationsServer.listen(operations.host, operations.port);
    await readiness.start();
    logger.info({ grpcPort: strategy.port, httpPort, operationsPort, services: options.services }, `${name} listens`);
    let closing: Promise<void> | undefined;
    return {
      app,
      grpcPort: strategy.port,
      httpPort,
      operationsPort,
      readiness,
      close: () => (closing ??= stop()),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function listenHttp(app: INestApplication, { host, port }: ListenAddress): Promise<number> {
  try {
    const server = (await app.listen(port, host)) as { address(): { port: number } };
    return server.address().port;
  } catch (error) {
    const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    throw inUse ? new FailedPrecondition(`${host}:${port}`, 'this port is in use by another process', { cause: error }) : error;
  }
}

/**
 * Closes the service on SIGTERM and SIGINT and lets the process end; a second signal ends it at once.
 * @param service its close() is called once
 */
export function closeOnSignals(service: Pick<RunningService, 'close'>, logger: Logger): void {
  const codes = { SIGINT: 130, SIGTERM: 143 } as const;
  let closing = false;
  for (const signal of Object.keys(codes) as (keyof typeof codes)[]) {
    process.on(signal, () => {
      if (closing) process.exit(codes[signal]);
      closing = true;
      logger.info({ signal }, 'draining');
      service.close().then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'the shutdown failed');
          process.exit(1);
        },
      );
    });
  }
}
