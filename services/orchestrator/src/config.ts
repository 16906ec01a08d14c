import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EnvironmentError, GATE_VARIABLES, LOG_LEVELS, gateSettings, readEnvironment, setting, type LogLevel } from '@rift/service-kit';
import type { SecuritySettings } from './security.js';

const SETTINGS = {
  /** Where the gRPC API listens. */
  RIFT_ORCHESTRATOR_ADDRESS: setting.address().default('127.0.0.1:50051'),
  /** Where /livez, /readyz and /metrics are; unset for nowhere. */
  RIFT_HTTP_ADDRESS: setting.address().optional(),
  /** Where the web page and the REST API are; unset for nowhere. */
  RIFT_WEB_ADDRESS: setting.address().optional(),
  /** Host names under which browsers reach the web page, separated by commas; addresses and localhost always work. */
  RIFT_WEB_HOSTS: setting
    .text()
    .default('localhost')
    .transform((text) => text.split(',').map((name) => name.trim().toLowerCase()))
    .refine((names) => names.every((name) => HOST_NAME.test(name)), 'must be host names without ports, separated by commas'),
  /** State folder: the built-in database and, unless told otherwise, the artifacts. */
  RIFT_HOME: setting.text().default('.rift'),
  /** Artifact store: a folder, file:// or s3:// address; RIFT_HOME/artifacts by default. */
  RIFT_ARTIFACTS: setting.text().optional(),
  /** Gibibytes that the artifact store may hold when an upload begins; 0 for any number. */
  RIFT_ARTIFACTS_GIB: setting.integer(0, 1_000_000).default(0),
  /** PostgreSQL to use; the built-in one under RIFT_HOME by default. */
  DATABASE_URL: setting
    .text()
    .regex(/^postgres(ql)?:\/\//, 'must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE')
    .optional(),
  /** Attackers: HOST:PORT or dns:///NAME:PORT, separated by commas. */
  RIFT_ATTACKERS: targets('127.0.0.1:50052'),
  /** Trainers: HOST:PORT or dns:///NAME:PORT, separated by commas. */
  RIFT_TRAINERS: targets('127.0.0.1:50053'),
  /** Jobs that one worker takes at a time: its devices. */
  RIFT_JOBS_PER_WORKER: setting.integer(1, 64).default(1),
  /** Name of this orchestrator among those on one database; the same after a restart. */
  RIFT_EXECUTOR_ID: setting
    .text()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, 'must be 1 to 100 of the characters A-Z a-z 0-9 . _ -')
    .default('orchestrator-0'),
  /** Runs that may be queued or running at a time; more are refused. */
  RIFT_MAX_ACTIVE_RUNS: setting.integer(1, 100_000).default(200),
  /** Seconds after which a worker that is silent is given up. */
  RIFT_WORKER_SILENCE_SECONDS: setting.integer(1, 3600).default(120),
  /** Seconds for which no worker may be reachable before runs that need one fail. */
  RIFT_WORKER_UNREACHABLE_SECONDS: setting.integer(1, 86_400).default(600),
  /** Tries at one unit of work before its run fails; tries that meet a busy worker do not count. */
  RIFT_MAX_ATTEMPTS: setting.integer(1, 100).default(6),
  /** Seconds that a shutdown waits for calls in progress. */
  RIFT_DRAIN_SECONDS: setting.integer(1, 30).default(10),
  /** Hours between two collections of artifacts that nothing refers to; 0 never collects. */
  RIFT_COLLECT_HOURS: setting.integer(0, 8760).default(24),
  /** Days for which results of deleted runs are kept for other runs. */
  RIFT_KEEP_RESULTS_DAYS: setting.integer(0, 3650).default(30),
  ...GATE_VARIABLES,
  /** PEM file of the authority of the workers' certificates: workers are then called over TLS. */
  RIFT_TLS_CA: setting.text().optional(),
  /** Token that the workers ask for; RIFT_WORKER_TOKEN_FILE names a file that holds it. */
  RIFT_WORKER_TOKEN: setting.text().optional(),
  /** Collector that traces are sent to; unset, none are recorded. */
  OTEL_EXPORTER_OTLP_ENDPOINT: setting.collector(),
  RIFT_LOG_LEVEL: setting.oneOf(LOG_LEVELS).default('info'),
};

/** A list of workers' addresses. */
function targets(fallback: string) {
  return setting
    .text()
    .default(fallback)
    .transform((text) => text.split(',').map((target) => target.trim()))
    .refine((list) => list.every((target) => TARGET.test(target)), 'must be HOST:PORT or dns:///NAME:PORT, separated by commas');
}

const HOST_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const TARGET = /^(dns:\/\/\/)?(\[[0-9a-fA-F:]+\]|[^\s:[\]/]+):\d{1,5}$/;

/** The orchestrator's settings. */
export interface OrchestratorConfig {
  readonly address: string;
  readonly operationsAddress: string | undefined;
  readonly webAddress: string | undefined;
  readonly webHosts: readonly string[];
  /** Absolute. */
  readonly home: string;
  /** URL of the artifact store. */
  readonly artifacts: string;
  /** Bytes that the artifact store may hold; Infinity for any number. */
  readonly artifactBytes: number;
  readonly databaseUrl: string | undefined;
  readonly attackers: readonly string[];
  readonly trainers: readonly string[];
  readonly jobsPerWorker: number;
  readonly executorId: string;
  readonly maxActiveRuns: number;
  readonly silenceMs: number;
  readonly unreachableMs: number;
  readonly maxAttempts: number;
  readonly drainMs: number;
  /** Time between two collections of artifacts; 0 for none. */
  readonly collectMs: number;
  readonly keepResultsDays: number;
  readonly security: SecuritySettings;
  /** Where traces go. */
  readonly collector: string | undefined;
  readonly logLevel: LogLevel;
}

/**
 * Reads the settings.
 *
 * @throws EnvironmentError naming every bad variable.
 */
export function readConfig(variables: Readonly<Record<string, string | undefined>> = process.env): OrchestratorConfig {
  const found = readEnvironment(SETTINGS, variables);
  if ((found.RIFT_TLS_CERT === undefined) !== (found.RIFT_TLS_KEY === undefined)) {
    throw new EnvironmentError(['RIFT_TLS_CERT and RIFT_TLS_KEY belong together: set both or neither']);
  }
  if (found.RIFT_TLS_CLIENT_CA !== undefined && found.RIFT_TLS_CERT === undefined) {
    throw new EnvironmentError(['RIFT_TLS_CLIENT_CA needs RIFT_TLS_CERT and RIFT_TLS_KEY: clients are told apart over TLS only']);
  }
  const home = resolve(found.RIFT_HOME);
  return {
    address: found.RIFT_ORCHESTRATOR_ADDRESS,
    operationsAddress: found.RIFT_HTTP_ADDRESS,
    webAddress: found.RIFT_WEB_ADDRESS,
    webHosts: found.RIFT_WEB_HOSTS,
    home,
    artifacts: storeUrl(found.RIFT_ARTIFACTS ?? join(home, 'artifacts')),
    artifactBytes: found.RIFT_ARTIFACTS_GIB === 0 ? Infinity : found.RIFT_ARTIFACTS_GIB * 2 ** 30,
    databaseUrl: found.DATABASE_URL,
    attackers: found.RIFT_ATTACKERS,
    trainers: found.RIFT_TRAINERS,
    jobsPerWorker: found.RIFT_JOBS_PER_WORKER,
    executorId: found.RIFT_EXECUTOR_ID,
    maxActiveRuns: found.RIFT_MAX_ACTIVE_RUNS,
    silenceMs: found.RIFT_WORKER_SILENCE_SECONDS * 1000,
    unreachableMs: found.RIFT_WORKER_UNREACHABLE_SECONDS * 1000,
    maxAttempts: found.RIFT_MAX_ATTEMPTS,
    drainMs: found.RIFT_DRAIN_SECONDS * 1000,
    collectMs: found.RIFT_COLLECT_HOURS * 3_600_000,
    keepResultsDays: found.RIFT_KEEP_RESULTS_DAYS,
    security: { ...gateSettings(found), workerAuthority: found.RIFT_TLS_CA, workerToken: found.RIFT_WORKER_TOKEN },
    collector: found.OTEL_EXPORTER_OTLP_ENDPOINT,
    logLevel: found.RIFT_LOG_LEVEL,
  };
}

function storeUrl(text: string): string {
  if (/^(file|s3):\/\//.test(text)) return text;
  return pathToFileURL(isAbsolute(text) ? text : resolve(text)).href;
}
