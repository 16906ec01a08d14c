import type { Logger } from '@rift/service-kit';
import type { ChangeChannel } from '../database/channel.js';
import type { ExecutorLock } from '../database/executor-lock.js';
import type { RunStore } from '../runs/run-store.js';
import type { RunExecutor } from './run-executor.js';
import type { WorkflowEngine } from './workflow-engine.js';

const SWEEP_MS = 5000;

/** What the supervisor watches over. */
export interface SupervisorParts {
  readonly store: RunStore;
  readonly engine: WorkflowEngine;
  readonly executor: RunExecutor;
  readonly lock: ExecutorLock;
  readonly changes: ChangeChannel;
  readonly executorId: string;
  readonly logger: Logger;
}

/**
 * Sees to it that every unfinished run is being executed by somebody: goes on with this orchestrator's own after a restart, and takes
 * over those of orchestrators that died and did not come back.
 */
export class Supervisor {
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;

  constructor(private readonly parts: SupervisorParts) {}

  /** Launches the engine and takes up the runs that wait. */
  async start(): Promise<void> {
    const { engine, executor, changes, logger } = this.parts;
    await engine.launch((runId, attempt, step) => executor.execute(runId, attempt, step));
    changes.onFence((runId) => {
      executor.checkFence(runId).catch((error: unknown) => logger.warn({ err: error, runId }, 'a run could not be checked'));
    });
    await this.sweep();
    this.#timer = setInterval(() => void (this.#sweeping ??= this.#sweepQuietly()), SWEEP_MS).unref();
  }

  /** Looks once after all unfinished runs. */
  async sweep(): Promise<void> {
    await this.#takeUpOwn();
    await this.#takeOverFromDead();
  }

  async #sweepQuietly(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      this.parts.logger.warn({ err: error }, 'unfinished runs could not be looked after; trying again');
    } finally {
      this.#sweeping = undefined;
    }
  }

  /** Runs of this orchestrator that were recorded and not started, or whose start broke off. */
  async #takeUpOwn(): Promise<void> {
    const { store, engine, executor, executorId, logger } = this.parts;
    for (const run of await store.unfinishedOf(executorId)) {
      if (executor.active.includes(run.id)) continue;
      const state = await engine.stateOf(run.id, run.attempt);
      if (state === 'unknown') await engine.start(run.id, run.attempt);
      if (state !== 'over') continue;
      const again = await store.restart(run.id, run.attempt);
      if (!again) continue;
      logger.warn({ runId: run.id, attempt: again.attempt }, 'a run broke off; starting it again');
      await engine.start(run.id, again.attempt);
    }
  }

  async #takeOverFromDead(): Promise<void> {
    const { store, engine, lock, executorId, logger } = this.parts;
    for (const other of await store.busyExecutors()) {
      if (other === executorId || !(await lock.isDead(other))) continue;
      for (const run of await store.takeOver(other, executorId)) {
        logger.info({ runId: run.id, from: other }, 'taking over a run from an orchestrator that is gone');
        await engine.start(run.id, run.attempt);
      }
    }
  }

  /** Looks after nothing any more; runs that are being executed stay recorded as they are. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
  }
}
