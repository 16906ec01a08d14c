import { hasEnded, type RiftClient } from '@rift/client';
import type { Run } from '@rift/contracts';
import { Cancelled } from '@rift/service-kit/client';

import { RunFailed } from '../errors.js';
import { createRun, followRun, settingsOf, succeeded } from '../runs/perform.js';
import type { Session } from '../session.js';
import type { Cell } from './cells.js';
import { collectCell, failedCell, type CellResult } from './collect.js';
import { cellPlan, requestIdOf, type CellInputs } from './study-plan.js';

/** What the runs of a study share. */
export interface StudyRuns {
  readonly study: string;
  readonly version: string;
  /** What a cell's plan is made for. */
  readonly inputsOf: (cell: Cell) => CellInputs;
  readonly noCache: boolean;
  /** Told after every cell. */
  readonly onCell: (results: readonly CellResult[]) => Promise<void>;
}

/**
 * Runs the cells one after the other. Each has one run, whose identifier follows from what is asked: a study that is started again finds the
 * runs that are done, goes on with those that were stopped and starts the rest. A cell that fails does not stop the others.
 *
 * @throws Cancelled after Ctrl-C
 */
export async function performStudy(session: Session, client: RiftClient, cells: readonly Cell[], runs: StudyRuns): Promise<CellResult[]> {
  const results: CellResult[] = [];
  for (const [index, cell] of cells.entries()) {
    session.output.note(`${runs.study} ${index + 1}/${cells.length}: ${cell.id}`);
    results.push(await performCell(session, client, cell, runs));
    await runs.onCell(results);
  }
  return results;
}

async function performCell(session: Session, client: RiftClient, cell: Cell, runs: StudyRuns): Promise<CellResult> {
  const inputs = runs.inputsOf(cell);
  const plan = cellPlan(cell, inputs);
  const seeded = { ...session, options: { ...session.options, seed: cell.seed } };
  const settings = settingsOf(seeded, {
    network: inputs.network ?? '',
    dataset: inputs.dataset.reference,
    profile: inputs.profile,
    limits: inputs.size.limits,
    noCache: runs.noCache,
  });
  const requestId = requestIdOf(runs.study, cell, settings, plan, runs.version);
  const run = await createRun(seeded, client, { name: `${runs.study}: ${cell.id}`.slice(0, 200), settings, plan, requestId });
  try {
    return collectCell(cell, await ended(session, client, run));
  } catch (error) {
    if (error instanceof Cancelled || !(error instanceof RunFailed)) throw error;
    session.output.warn(`${cell.id}: ${error.message}`);
    return failedCell(cell, run.id, error.message);
  }
}

/** The run at its end: as it was found when it has succeeded, else gone on with. @throws RunFailed or Cancelled */
async function ended(session: Session, client: RiftClient, run: Run): Promise<Run> {
  const { signal } = session.interrupts;
  if (run.state === 'RUN_STATE_SUCCEEDED') return succeeded(await client.runs.get(run.id, { signal }));
  const going = hasEnded(run.state) ? await client.runs.resume(run.id, { signal }) : run;
  return await followRun(session, client, going, { cancelOnInterrupt: true });
}
