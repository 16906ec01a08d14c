import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { JobKind } from '@rift/core';

/** A file to read, as the addon is asked to. */
export interface ReaderJob {
  readonly kind: JobKind;
  readonly request: object;
}

/** What came of it: "read", the reason of a typed error, or "DEFECT" for any other. */
export interface ReaderVerdict {
  readonly end: string;
  readonly detail: string;
  /** Resident memory afterwards, in bytes. */
  readonly rss: number;
}

/** How reading a file ended. "CRASH" and "HANG" are the process's, which is started again. */
export type ReaderEnd = ReaderVerdict | { readonly end: 'CRASH' | 'HANG'; readonly detail: string; readonly rss: 0 };

/** A process that reads files with the engine's readers. */
export class ReaderProcess implements AsyncDisposable {
  #child: ChildProcess | undefined;

  /** @param limitMs time after which a file counts as hanging */
  constructor(private readonly limitMs: number) {}

  async read(job: ReaderJob): Promise<ReaderEnd> {
    this.#child ??= fork(fileURLToPath(new URL('./reader-worker.js', import.meta.url)), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const child = this.#child;
    let said = '';
    const listen = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-2000));
    child.stderr?.on('data', listen);
    const over = new AbortController();
    const { signal } = over;
    try {
      child.send(job);
      const verdict = once(child, 'message', { signal }).then(([message]) => message as ReaderVerdict);
      const crash = once(child, 'exit', { signal }).then(([code, killed]) => this.#lost('CRASH', `${String(code ?? killed)} ${said}`));
      const hang = new Promise<ReaderEnd>((resolve) => {
        const timer = setTimeout(() => resolve(this.#lost('HANG', `nothing within ${this.limitMs} ms`)), this.limitMs);
        signal.addEventListener('abort', () => clearTimeout(timer));
      });
      const losers = [verdict, crash];
      for (const loser of losers) loser.catch(() => undefined);
      return await Promise.race([verdict, crash, hang]);
    } finally {
      over.abort();
      child.stderr?.off('data', listen);
    }
  }

  #lost(end: 'CRASH' | 'HANG', detail: string): ReaderEnd {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    return { end, detail, rss: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}
