import { DBOS, type DLogger } from '@dbos-inc/dbos-sdk';
import type { Logger } from '@rift/service-kit';
import type { Step } from './run-executor.js';

/** Executes one start of a run. */
export type RunHandler = (runId: string, attempt: number, step: Step) => Promise<void>;

const WORKFLOW = 'run-plan';
/** Workflows recorded by one version of this code are gone on with by the next: what they record is the ends of stages alone. */
const WORKFLOW_VERSION = 'rift-1';
const POOL_SIZE = 8;
const IDLE_LIMIT = 'idle_in_transaction_session_timeout';
/** A run may be interrupted any number of times; DBOS's own limit of 100 would give it up. */
const MAX_RECOVERIES = 1_000_000;

let handler: RunHandler | undefined;

const step: Step = (name, work) => DBOS.runStep(work, { name });

// DBOS must know every workflow before it is launched, and knows one registry a process.
const runPlan = DBOS.registerWorkflow(
  async (runId: string, attempt: number): Promise<void> => {
    if (!handler) throw new Error('A run was started before the engine was launched.');
    await handler(runId, attempt, step);
  },
  { name: WORKFLOW, maxRecoveryAttempts: MAX_RECOVERIES },
);

/** What is known of a start of a run. */
export type StartState = 'unknown' | 'going on' | 'over';

/**
 * Durable execution (DBOS Transact): a start of a run is a workflow, the end of each stage a recorded step. Workflows that a killed
 * process left are gone on with at launch by the process with the same executor id.
 */
export class WorkflowEngine {
  constructor(
    private readonly databaseUrl: string,
    private readonly executorId: string,
    private readonly logger: Logger,
  ) {}

  /** Connects and goes on with what an earlier process left. */
  async launch(onRun: RunHandler): Promise<void> {
    handler = onRun;
    DBOS.setConfig({
      name: 'rift',
      systemDatabaseUrl: withIdleLimit(this.databaseUrl),
      systemDatabasePoolSize: POOL_SIZE,
      executorID: this.executorId,
      applicationVersion: WORKFLOW_VERSION,
      logger: dbosLogger(this.logger),
    });
    await DBOS.launch();
  }

  /** Starts a run; the same start a second time changes nothing. */
  async start(runId: string, attempt: number): Promise<void> {
    const handle = await DBOS.startWorkflow(runPlan, { workflowID: workflowId(runId, attempt) })(runId, attempt);
    handle.getResult().catch((error: unknown) => this.logger.debug({ err: error, runId }, 'the workflow of a run ended'));
  }

  async stateOf(runId: string, attempt: number): Promise<StartState> {
    const status = await DBOS.getWorkflowStatus(workflowId(runId, attempt));
    if (!status) return 'unknown';
    return ['PENDING', 'ENQUEUED', 'DELAYED'].includes(status.status) ? 'going on' : 'over';
  }

  /** Drops what was recorded of a run's starts. */
  async forget(runId: string, attempts: number): Promise<void> {
    await DBOS.deleteWorkflows(Array.from({ length: attempts }, (_, index) => workflowId(runId, index + 1)));
  }

  /** Disconnects; workflows that have not ended stay recorded as they are. */
  async close(): Promise<void> {
    await DBOS.shutdown();
    handler = undefined;
  }
}

/**
 * Ends sessions that are left idle inside a transaction, which DBOS would otherwise ask for with a statement of its own on every new
 * connection, in the way of the first one.
 */
function withIdleLimit(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  const options = url.searchParams.get('options') ?? '';
  if (!options.includes(IDLE_LIMIT)) url.searchParams.set('options', `${options} -c ${IDLE_LIMIT}=60000`.trim());
  return url.href;
}

function workflowId(runId: string, attempt: number): string {
  return `${runId}:${attempt}`;
}

/** DBOS's messages in our log; what it tells about its start-up is detail. */
function dbosLogger(logger: Logger): DLogger {
  const text = (entry: unknown): string => (typeof entry === 'string' ? entry : JSON.stringify(entry));
  return {
    debug: (entry) => logger.trace({ component: 'dbos' }, text(entry)),
    info: (entry) => logger.debug({ component: 'dbos' }, text(entry)),
    warn: (entry) => logger.debug({ component: 'dbos' }, text(entry)),
    error: (entry) => logger.warn({ component: 'dbos' }, text(entry)),
  };
}
