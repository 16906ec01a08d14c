import { Inject, Injectable } from '@nestjs/common';
import { DataType, type PerturbRequest, type PerturbResponseInput } from '@rift/contracts';
import type { PerturbSession } from '@rift/core';
import { DeadlineExceeded, InvalidArgument } from '@rift/service-kit';
import { check, perturbBatch, perturbSettings } from '@rift/validation';
import { InputFiles, WORKER_PARTS, withLimits, type WorkerParts } from '@rift/worker-kit';

/** Token of the milliseconds a stream may wait between two messages. */
export const PERTURB_IDLE_MS = Symbol('PerturbIdleMs');

/** Online attacks: one network a stream, a batch in, a batch out, in order. */
@Injectable()
export class PerturbService {
  constructor(
    @Inject(WORKER_PARTS) private readonly parts: WorkerParts,
    @Inject(PERTURB_IDLE_MS) private readonly idleMs: number,
  ) {}

  /**
   * The answers to the messages of one stream. The next batch is taken once the one before was computed and read, so that
   * neither side's speed costs the other memory.
   * @throws ResourceExhausted while a job or too many streams hold the device
   */
  async *answers(requests: AsyncIterator<PerturbRequest, void>, signal: AbortSignal): AsyncGenerator<PerturbResponseInput, void, void> {
    const first = await this.#next(requests);
    if (first === undefined) return;
    const lease = this.parts.admission.stream();
    let session: PerturbSession | undefined;
    const close = (): void => session?.close();
    try {
      session = await this.#open(first);
      signal.addEventListener('abort', close, { once: true });
      signal.throwIfAborted();
      for (let message = await this.#next(requests); message !== undefined; message = await this.#next(requests)) {
        yield await this.#attacked(session, message);
      }
    } finally {
      signal.removeEventListener('abort', close);
      close();
      lease.release();
    }
  }

  async #open(first: PerturbRequest): Promise<PerturbSession> {
    if (first.content !== 'settings') {
      throw new InvalidArgument('content', first.content ?? 'unset', 'must be settings in the first message of a stream');
    }
    const { network, attack, seed, compute } = check(perturbSettings, first.settings, 'settings');
    const limited = withLimits(compute, this.parts.limits);
    const files = new InputFiles(this.parts.artifacts);
    try {
      return await this.parts.core.openPerturb({
        network: await files.network('settings.network', network),
        spec: attack,
        seed,
        compute: limited,
      });
    } catch (error) {
      throw files.explained(error);
    }
  }

  async #attacked(session: PerturbSession, message: PerturbRequest): Promise<PerturbResponseInput> {
    if (message.content !== 'batch') {
      throw new InvalidArgument('content', message.content ?? 'unset', 'must be batch in every message after the first');
    }
    const { images, labels, firstIndex } = check(perturbBatch, message.batch, 'batch');
    const batch = await session.perturb(images.data, labels.data, images.shape, firstIndex);
    return {
      images: { dataType: DataType.DATA_TYPE_FLOAT32, shape: images.shape, data: batch.images },
      robust: { dataType: DataType.DATA_TYPE_INT64, shape: labels.shape, data: batch.robust },
      audit: batch.audit,
    };
  }

  /** The next message; undefined at the end of the stream. */
  async #next(requests: AsyncIterator<PerturbRequest, void>): Promise<PerturbRequest | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new DeadlineExceeded(`the wait of ${this.idleMs / 1000} s for the next message`)), this.idleMs);
    });
    try {
      const next = await Promise.race([requests.next(), late]);
      return next.done === true ? undefined : next.value;
    } finally {
      clearTimeout(timer);
    }
  }
}
