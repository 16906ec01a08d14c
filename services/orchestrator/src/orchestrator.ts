import { join } from 'node:path';
import { openArtifactStore, type ArtifactStore } from '@rift/artifacts';
import { SERVICE_NAMES, packageDefinition } from '@rift/contracts';
import { startService, startTracing, type ListenAddress, type Logger, type RunningService } from '@rift/service-kit';
import { ArtifactService } from './artifacts/artifact-service.js';
import { Collector } from './artifacts/collector.js';
import { CatalogService } from './catalog/catalog-service.js';
import { NetworkInfoStore, datasetEntries, networkEntries } from './catalog/catalog-store.js';
import { DatasetReader } from './catalog/dataset-reader.js';
import { NetworkFiles } from './catalog/network-file.js';
import type { OrchestratorConfig } from './config.js';
import { ChangeChannel } from './database/channel.js';
import { Database } from './database/database.js';
import { ExecutorLock } from './database/executor-lock.js';
import { RunExecutor } from './execution/run-executor.js';
import { stageExecutor } from './execution/stages/execute-stage.js';
import { reportExecutor } from './execution/stages/report.js';
import { Supervisor } from './execution/supervisor.js';
import { UnitRunner } from './execution/unit-runner.js';
import { WorkflowEngine } from './execution/workflow-engine.js';
import { webServer } from './http/web-server.js';
import { OrchestratorModule } from './orchestrator.module.js';
import { startEmbeddedPostgres } from './postgres/embedded-postgres.js';
import { keepRunning } from './postgres/keep-running.js';
import { renderReport } from './report/index.js';
import { MAX_LOG_LINES, readLog } from './runs/event-store.js';
import { ExecutionStore } from './runs/execution-store.js';
import { ResultStore } from './runs/result-store.js';
import { runMessage } from './runs/run-record.js';
import { RunService } from './runs/run-service.js';
import { RunStore } from './runs/run-store.js';
import { gateOf, workerSecurity } from './security.js';
import { OrchestratorMetrics } from './metrics.js';
import { ENGINE_VERSION, VERSIONS } from './version.js';
import { WorkerPool } from './workers/worker-pool.js';

/** What an orchestrator needs beside its settings. */
export interface OrchestratorOptions {
  readonly logger: Logger;
  /** Called when this process may not execute runs any more; it should end. */
  readonly onLost: (reason: unknown) => void;
}

/** Undoes what was begun, the last first. */
class Teardown {
  readonly #steps: { name: string; undo: () => Promise<void> | void }[] = [];

  constructor(private readonly logger: Logger) {}

  add(name: string, undo: () => Promise<void> | void): void {
    this.#steps.push({ name, undo });
  }

  /** Goes on when a step fails: what is left open after a failure is only worse. */
  async run(): Promise<void> {
    for (const { name, undo } of this.#steps.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        this.logger.error({ err: error }, `could not be closed: ${name}`);
      }
    }
  }
}

/**
 * Starts the orchestrator: database, artifact store, workers' pools, durable execution and the gRPC API, in that order; runs that an
 * earlier process left go on by themselves.
 *
 * @throws when a part cannot be started; nothing is left running then.
 */
export async function startOrchestrator(config: OrchestratorConfig, options: OrchestratorOptions): Promise<RunningService> {
  const teardown = new Teardown(options.logger);
  try {
    const service = await start(config, options, teardown);
    let closing: Promise<void> | undefined;
    return { ...service, close: () => (closing ??= teardown.run()) };
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

async function start(config: OrchestratorConfig, options: OrchestratorOptions, teardown: Teardown): Promise<RunningService> {
  const { logger } = options;
  if (config.collector !== undefined) {
    teardown.add('traces', startTracing({ service: 'orchestrator', endpoint: config.collector, logger }));
  }
  const metrics = new OrchestratorMetrics(config.security.certificate);
  const artifacts = await openArtifactStore(config.artifacts, { cacheFolder: join(config.home, 'artifact-cache') });
  teardown.add('artifact store', () => artifacts.close());

  const { url, lock } = await openDatabase(config, options, teardown);
  const database = new Database(url, logger);
  teardown.add('database', () => database.close());
  await database.migrate();
  const changes = new ChangeChannel(url, logger);
  teardown.add('change notices', () => changes.close());
  await changes.open();

  const pools = { attackers: poolOf('attackers', config, logger), trainers: poolOf('trainers', config, logger) };
  teardown.add('workers', () => Object.values(pools).forEach((pool) => pool.close()));

  const catalog = new CatalogService(
    networkEntries(database),
    datasetEntries(database),
    new NetworkInfoStore(database),
    new DatasetReader(artifacts),
    new NetworkFiles(artifacts),
    pools.trainers,
  );
  const runs = new RunStore(database);
  const executor = makeExecutor(config, options, { database, runs, catalog, artifacts, pools, metrics });
  metrics.watch({ pools, executing: () => executor.active.length });
  const engine = new WorkflowEngine(url, config.executorId, logger);
  teardown.add('durable execution', () => engine.close());
  const supervisor = new Supervisor({ store: runs, engine, executor, lock, changes, executorId: config.executorId, logger });
  teardown.add('supervisor', () => supervisor.stop());
  await supervisor.start();

  if (config.collectMs > 0) {
    const { collectMs, keepResultsDays } = config;
    const collector = new Collector({ database, artifacts, intervalMs: collectMs, keepDays: keepResultsDays, logger });
    collector.start();
    teardown.add('artifact collection', () => collector.stop());
  }

  const runService = new RunService({
    database,
    store: runs,
    catalog,
    engine,
    executor,
    changes,
    executorId: config.executorId,
    maxActiveRuns: config.maxActiveRuns,
  });
  const gate = gateOf(config.security);
  const http = config.webAddress === undefined ? undefined : webServer(config, listenAddress(config.webAddress), gate, logger);
  const service = await startService({
    name: 'orchestrator',
    module: OrchestratorModule.forRoot({
      runs: runService,
      catalog,
      artifacts: new ArtifactService(artifacts, config.artifactBytes),
      access: http?.access,
    }),
    ...(http ? { http: http.options } : {}),
    packageDefinition,
    services: [SERVICE_NAMES.runs, SERVICE_NAMES.catalog, SERVICE_NAMES.artifacts],
    grpc: { ...listenAddress(config.address), ...gate.serverOptions(), drainMs: config.drainMs },
    operations: config.operationsAddress === undefined ? undefined : listenAddress(config.operationsAddress),
    checks: [
      { name: 'database', probe: () => runs.countActive().then(() => undefined) },
      { name: 'artifacts', probe: () => artifacts.check() },
    ],
    metrics,
    logger,
  });
  teardown.add('API', () => service.close());
  // Work stops first: what the workers still compute for calls that are drained would be thrown away.
  teardown.add('executions', () => executor.close());
  return service;
}

async function openDatabase(
  config: OrchestratorConfig,
  { logger, onLost }: OrchestratorOptions,
  teardown: Teardown,
): Promise<{ url: string; lock: ExecutorLock }> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl, lock: await lockOf(config.databaseUrl) };
  const postgres = await startEmbeddedPostgres(join(config.home, 'postgres'));
  logger.info({ reused: postgres.reused }, 'built-in PostgreSQL runs');
  const undo = { stop: true };
  teardown.add('built-in PostgreSQL', () => (undo.stop ? postgres.stop() : undefined));
  teardown.add('watch over PostgreSQL', keepRunning(postgres, logger));
  try {
    return { url: postgres.url, lock: await lockOf(postgres.url) };
  } catch (error) {
    // The server belongs to the orchestrator that holds the lock.
    if (postgres.reused) undo.stop = false;
    throw error;
  }

  async function lockOf(url: string): Promise<ExecutorLock> {
    const lock = new ExecutorLock(url, config.executorId, logger, onLost);
    await lock.acquire();
    teardown.add('executor lock', () => lock.release());
    return lock;
  }
}

interface ExecutorParts {
  readonly database: Database;
  readonly runs: RunStore;
  readonly catalog: CatalogService;
  readonly artifacts: ArtifactStore;
  readonly pools: { readonly attackers: WorkerPool; readonly trainers: WorkerPool };
  readonly metrics: OrchestratorMetrics;
}

function makeExecutor(config: OrchestratorConfig, options: OrchestratorOptions, parts: ExecutorParts): RunExecutor {
  const { logger } = options;
  const { database, runs, catalog, artifacts, pools, metrics } = parts;
  return new RunExecutor({
    store: new ExecutionStore(database),
    units: new UnitRunner({
      pools,
      results: new ResultStore(database),
      artifacts: { has: async (digest) => (await artifacts.stat(digest)) !== undefined },
      silenceMs: config.silenceMs,
      logger,
    }),
    networkInfo: (digest) => catalog.networkInfo(digest),
    readRun: async (id) => runMessage(await runs.get(id)),
    readLog: (id) => readLog(database, id, MAX_LOG_LINES),
    executorId: config.executorId,
    metrics,
    engineVersion: ENGINE_VERSION,
    executeStage: stageExecutor(reportExecutor({ artifacts, catalog, build: renderReport, versions: VERSIONS })),
    logger,
  });
}

function poolOf(name: 'attackers' | 'trainers', config: OrchestratorConfig, logger: Logger): WorkerPool {
  const { jobsPerWorker, maxAttempts, unreachableMs } = config;
  return new WorkerPool({
    ...workerSecurity(config.security),
    name,
    targets: config[name],
    jobsPerWorker,
    maxAttempts,
    unreachableMs,
    logger,
  });
}

function listenAddress(address: string): ListenAddress {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}
