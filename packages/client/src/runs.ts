import {
  RunServiceConstructor,
  type CreateRunRequestInput,
  type Plan,
  type Run,
  type RunSettingsInput,
  type RunState,
  type TrainingPreset,
  type WatchRunResponse,
} from '@rift/contracts';
import { Internal, Unavailable, type Peer } from '@rift/service-kit/client';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { pages, present, type CallOptions } from './calls.js';

const methods = RunServiceConstructor.service;

const FINAL: ReadonlySet<RunState> = new Set<RunState>(['RUN_STATE_SUCCEEDED', 'RUN_STATE_FAILED', 'RUN_STATE_CANCELLED']);
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
const PATIENCE_MS = 60_000;

/** How a run is watched. */
export interface WatchOptions {
  /** Sequence of the last event already seen; 0 (the default) begins with the first kept. */
  readonly afterSequence?: number;
  /** Ends the watching, not the run. */
  readonly signal?: AbortSignal;
  /** How long the service may be away before watching is given up, in milliseconds; 60 000 by default. */
  readonly patienceMs?: number;
}

/** Whether a run or stage in this state has ended. */
export function hasEnded(state: RunState): boolean {
  return FINAL.has(state);
}

/** Durable runs. Every call fails with the error class that the service threw. */
export class Runs {
  constructor(private readonly peer: Peer) {}

  /** The complete plan that `create` would make of the settings. */
  async expandPlan(settings: RunSettingsInput, options: CallOptions = {}): Promise<Plan> {
    const { plan } = await this.peer.unary(methods.ExpandPlan, { settings }, { idempotent: true, ...options });
    return present(plan, 'ExpandPlan', 'plan');
  }

  /** The published recipes of adversarial training as complete settings. */
  async trainingPresets(options: CallOptions = {}): Promise<TrainingPreset[]> {
    const { presets } = await this.peer.unary(methods.ListTrainingPresets, {}, { idempotent: true, ...options });
    return presets;
  }

  /**
   * Starts a run. Without a `requestId` one is drawn, so that the retries of this call start one run only; a caller that
   * may itself be restarted gives its own.
   */
  async create(request: CreateRunRequestInput, options: CallOptions = {}): Promise<Run> {
    const once = { ...request, requestId: request.requestId ?? randomUUID() };
    const { run } = await this.peer.unary(methods.CreateRun, once, { idempotent: true, ...options });
    return present(run, 'CreateRun', 'run');
  }

  /** One run with the results so far. @throws NotFound */
  async get(id: string, options: CallOptions = {}): Promise<Run> {
    const { run } = await this.peer.unary(methods.GetRun, { id }, { idempotent: true, ...options });
    return present(run, 'GetRun', 'run');
  }

  /** Runs, newest first, without stage results; pages are fetched as they are read. */
  list(filter: { readonly state?: RunState } = {}, options: CallOptions = {}): AsyncGenerator<Run, void, void> {
    return pages(async (pageToken) => {
      const page = await this.peer.unary(methods.ListRuns, { ...filter, pageToken, pageSize: 100 }, { idempotent: true, ...options });
      return { items: page.runs, nextPageToken: page.nextPageToken };
    });
  }

  /** Asks a run to stop; finished stages keep their results. @throws FailedPrecondition when it has ended */
  async cancel(id: string, options: CallOptions = {}): Promise<Run> {
    const { run } = await this.peer.unary(methods.CancelRun, { id }, { idempotent: true, ...options });
    return present(run, 'CancelRun', 'run');
  }

  /** Goes on with a cancelled or failed run from its last finished unit of work. */
  async resume(id: string, options: CallOptions = {}): Promise<Run> {
    const { run } = await this.peer.unary(methods.ResumeRun, { id }, { idempotent: true, ...options });
    return present(run, 'ResumeRun', 'run');
  }

  /** Deletes the record of a run that has ended. */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await this.peer.unary(methods.DeleteRun, { id }, { idempotent: true, ...options });
  }

  /**
   * The events of a run until it ends, each once and in order. A broken connection or a restarted service is bridged: the
   * watching goes on after the last event seen.
   *
   * @throws Unavailable when the service stays away longer than the patience; Cancelled when the signal fires
   */
  async *watch(id: string, options: WatchOptions = {}): AsyncGenerator<WatchRunResponse, void, void> {
    const { signal, patienceMs = PATIENCE_MS } = options;
    let afterSequence = options.afterSequence ?? 0;
    let lostAt: number | undefined;
    let pause = FIRST_PAUSE_MS;
    for (;;) {
      try {
        for await (const event of this.peer.serverStream(methods.WatchRun, { id, afterSequence }, signal === undefined ? {} : { signal })) {
          lostAt = undefined;
          pause = FIRST_PAUSE_MS;
          if (event.sequence <= afterSequence) continue;
          afterSequence = event.sequence;
          yield event;
        }
        // A proxy or a connection's maximum age also ends a stream in good order: only the run itself says that it is over.
        if (hasEnded((await this.get(id, signal === undefined ? {} : { signal })).state)) return;
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        lostAt ??= Date.now();
        if (Date.now() - lostAt >= patienceMs) throw error;
      }
      await sleep(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    }
  }

  /**
   * Watches a run until it ends.
   *
   * @param onEvent called with every event
   * @returns the ended run with all its results
   */
  async waitFor(id: string, options: WatchOptions & { readonly onEvent?: (event: WatchRunResponse) => void } = {}): Promise<Run> {
    const { onEvent, ...watching } = options;
    for await (const event of this.watch(id, watching)) onEvent?.(event);
    const run = await this.get(id, options.signal === undefined ? {} : { signal: options.signal });
    if (!hasEnded(run.state)) throw new Internal(`The watching of run ${id} ended while it is ${run.state}.`);
    return run;
  }
}
