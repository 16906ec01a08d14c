import { hasEnded, type RiftClient } from '@rift/client';
import type { CreateRunRequestInput, Plan, Run, RunSettingsInput, StageResult, StageStatus } from '@rift/contracts';
import { Cancelled, FailedPrecondition, Internal } from '@rift/service-kit/client';

import { RunFailed, exitCodeOfStatus } from '../errors.js';
import { progressView } from '../output/progress.js';
import { computeOf, endpointOf, type Session } from '../session.js';

/** What is asked of a run beside its settings. */
export interface RunRequest {
  readonly name: string;
  readonly settings: RunSettingsInput;
  /** Unset means the plan of the settings' profile. */
  readonly plan?: Plan;
  /** UUID that makes this the same run when it is asked for again; unset draws a new one. */
  readonly requestId?: string;
}

/** How long a cancelled run may take to stop before it is left to the service. */
const CANCEL_MS = 30_000;

/** The settings that every run of a command shares. */
export function settingsOf(session: Session, settings: RunSettingsInput): RunSettingsInput {
  return { ...settings, seed: session.options.seed, compute: computeOf(session) };
}

/** Starts a run. */
export async function createRun(session: Session, client: RiftClient, request: RunRequest): Promise<Run> {
  const message: CreateRunRequestInput = {
    name: request.name,
    settings: settingsOf(session, request.settings),
    ...(request.plan === undefined ? {} : { plan: request.plan }),
    ...(request.requestId === undefined ? {} : { requestId: request.requestId }),
  };
  return await client.runs.create(message, { signal: session.interrupts.signal });
}

/** Says which runs of earlier commands the services went on with: they take their share of the machine. */
async function noteOtherRuns({ output, interrupts }: Session, client: RiftClient): Promise<void> {
  const { signal } = interrupts;
  for await (const { id, name } of client.runs.list({ state: 'RUN_STATE_RUNNING' }, { signal })) {
    output.note(`run ${id}${name === '' ? '' : ` (${name})`} of another command is in progress too; "rift cancel ${id}" stops it`);
  }
}

/** Starts a run, watches it and returns it with its results. @throws RunFailed, or Cancelled after Ctrl-C */
export async function performRun(session: Session, client: RiftClient, request: RunRequest): Promise<Run> {
  if (endpointOf(session) === undefined) await noteOtherRuns(session, client);
  const run = await createRun(session, client, request);
  session.output.note(session.output.style('dim', `run ${run.id}`));
  return await followRun(session, client, run, { cancelOnInterrupt: true });
}

/**
 * Shows how a run goes until it ends.
 *
 * @param cancelOnInterrupt whether Ctrl-C cancels the run, or only ends the watching
 * @throws RunFailed when it did not succeed, Cancelled when it was cancelled
 */
export async function followRun(
  { output, interrupts }: Pick<Session, 'output' | 'interrupts'>,
  client: RiftClient,
  run: Run,
  { cancelOnInterrupt }: { readonly cancelOnInterrupt: boolean },
): Promise<Run> {
  const view = progressView(output);
  const watching = new AbortController();
  let cancelled: Promise<void> | undefined;
  const interrupted = (): void => {
    if (!cancelOnInterrupt) {
      watching.abort();
      return;
    }
    output.note(`cancelling run ${run.id}; Ctrl-C again ends at once`);
    cancelled = cancelRun(client, run.id);
    setTimeout(() => watching.abort(), CANCEL_MS).unref();
  };
  if (interrupts.signal.aborted) interrupted();
  else interrupts.signal.addEventListener('abort', interrupted, { once: true });
  try {
    const ended = await client.runs.waitFor(run.id, {
      signal: watching.signal,
      onEvent: ({ stage, log }) => {
        if (stage) view.update(stage);
        if (log !== undefined && log !== '') view.log(log);
      },
    });
    view.stop();
    return succeeded(ended);
  } finally {
    view.stop();
    interrupts.signal.removeEventListener('abort', interrupted);
    await cancelled;
  }
}

async function cancelRun(client: RiftClient, id: string): Promise<void> {
  try {
    await client.runs.cancel(id, { timeoutMs: CANCEL_MS });
  } catch (error) {
    // It ended by itself in the meantime: the watching reports how.
    if (!(error instanceof FailedPrecondition)) throw error;
  }
}

/** The run, when it succeeded. @throws RunFailed with the first failure, Cancelled, or Internal when it has not ended */
export function succeeded(run: Run): Run {
  if (run.state === 'RUN_STATE_SUCCEEDED') return run;
  if (run.state === 'RUN_STATE_CANCELLED') throw new Cancelled(`run ${run.id}`);
  if (!hasEnded(run.state)) throw new Internal(`run ${run.id} is still ${run.state}`);
  const stage = run.stages.find(({ state }) => state === 'RUN_STATE_FAILED');
  const failure = run.failure ?? stage?.failure;
  const where = stage === undefined ? '' : ` in stage ${stage.id}`;
  const code = failure?.code ?? 'INTERNAL';
  throw new RunFailed(run.id, `run ${run.id} failed${where}: ${failure?.message ?? 'no reason was given'}`, code, exitCodeOfStatus(code));
}

/** Status of the stage with this identifier. @throws Internal when the run lacks it */
export function stageOf(run: Run, id: string): StageStatus {
  const stage = run.stages.find((status) => status.id === id);
  if (stage === undefined) throw new Internal(`run ${run.id} holds no stage ${id}`);
  return stage;
}

/** Result of one kind of a stage. @throws Internal when the stage has none of that kind */
export function resultOf<K extends keyof Omit<StageResult, 'result'>>(run: Run, id: string, kind: K): NonNullable<StageResult[K]> {
  const result = stageOf(run, id).result?.[kind];
  if (result === null || result === undefined) throw new Internal(`stage ${id} of run ${run.id} holds no result of kind ${kind}`);
  return result;
}
