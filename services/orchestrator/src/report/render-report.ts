import { Worker } from 'node:worker_threads';
import { InvalidArgument, type Violation } from '@rift/service-kit';
import type { Report } from './build-report.js';
import type { ReportInput } from './input.js';

/** What the thread answers. */
export type WorkerAnswer = { readonly report: Report } | { readonly violations: readonly Violation[] };

/**
 * Makes the report of a run in a thread of its own: the bootstrap takes seconds for 10,000 images, in which a service must go on
 * answering.
 *
 * @throws InvalidArgument as buildReport does.
 */
export async function renderReport(input: ReportInput): Promise<Report> {
  const worker = new Worker(new URL('./report-worker.js', import.meta.url), { workerData: input });
  const answer = await new Promise<WorkerAnswer>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`The thread that makes the report ended with code ${code} and no report.`)));
  });
  if ('violations' in answer) throw new InvalidArgument(answer.violations);
  return answer.report;
}
