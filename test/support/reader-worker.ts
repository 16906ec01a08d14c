// Reads the files that it is told to, one after the other, in a process of its own: what a file does to it, it does to nobody else.
import { createCore } from '@rift/core';
import { ServiceError } from '@rift/service-kit';

import type { ReaderJob, ReaderVerdict } from './readers.js';

const core = createCore();

process.on('message', (job: ReaderJob) => {
  const answer = async (): Promise<ReaderVerdict> => {
    try {
      await core.runJob(job.kind, job.request as never);
      return { end: 'read', detail: '', rss: process.memoryUsage.rss() };
    } catch (error) {
      const known = error instanceof ServiceError;
      const end = known ? error.kind.reason : 'DEFECT';
      return { end, detail: error instanceof Error ? error.message : String(error), rss: process.memoryUsage.rss() };
    }
  };
  void answer().then((verdict) => process.send?.(verdict));
});
