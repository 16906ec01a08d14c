import { parentPort, workerData } from 'node:worker_threads';
import { InvalidArgument } from '@rift/service-kit';
import { buildReport } from './build-report.js';
import type { ReportInput } from './input.js';
import type { WorkerAnswer } from './render-report.js';

function answer(): WorkerAnswer {
  try {
    return { report: buildReport(workerData as ReportInput) };
  } catch (error) {
    // A thrown error would lose its class on the way to the other thread.
    if (error instanceof InvalidArgument) return { violations: error.violations };
    throw error;
  }
}

parentPort?.postMessage(answer());
