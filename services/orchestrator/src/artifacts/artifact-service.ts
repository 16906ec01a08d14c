import { assertDigest, type ArtifactStore } from '@rift/artifacts';
import type { DownloadResponse, StatResponse, UploadRequest, UploadResponse } from '@rift/contracts';
import { InvalidArgument, ResourceExhausted } from '@rift/service-kit';

/** Largest piece of an upload or download: fits a message with room to spare. */
const PIECE = 1 << 20;

/** How long a sum over the store is good for: it is there to keep a store from filling up, not to count bytes. */
const SUM_AGE_MS = 30_000;

/** Bytes in and out of the artifact store. */
export class ArtifactService {
  #held: { bytes: number; at: number } | undefined;

  /** @param quota bytes that the store may hold when an upload begins; Infinity for any number */
  constructor(
    readonly store: ArtifactStore,
    private readonly quota = Infinity,
  ) {}

  /**
   * Stores what a caller sends. Content that is there already is not read again.
   *
   * @param messages the header, then the bytes in pieces.
   * @throws InvalidArgument when the messages are out of order or the bytes are not what the header promised; nothing stays then.
   * ResourceExhausted when the store would hold more than it may.
   */
  async upload(messages: AsyncGenerator<UploadRequest, void, void>): Promise<UploadResponse> {
    const first = await messages.next();
    if (first.done || first.value.content !== 'header' || !first.value.header) {
      throw new InvalidArgument('content', first.value?.content ?? '', 'must be the header in the first message');
    }
    const { digest, size, offset } = first.value.header;
    assertDigest(digest);
    const known = await this.store.stat(digest);
    if (known) {
      if (known.size !== size) throw new InvalidArgument('header.size', size, `the content of this digest has ${known.size} bytes`);
      await messages.return();
      return { digest, size, existed: true };
    }
    await this.#admit(size);
    return this.store.putPart(piecesOf(messages), { digest, size }, offset);
  }

  /** Refuses what would not fit, before a byte of it is taken. */
  async #admit(size: number): Promise<void> {
    if (this.quota === Infinity) return;
    if (!this.#held || performance.now() - this.#held.at > SUM_AGE_MS) {
      let bytes = 0;
      for await (const artifact of this.store.list()) bytes += artifact.size;
      this.#held = { bytes, at: performance.now() };
    }
    if (this.#held.bytes + size > this.quota) {
      const detail = `it holds ${this.#held.bytes} of ${this.quota} bytes and ${size} more were sent; delete runs and networks, or raise RIFT_ARTIFACTS_GIB`;
      throw new ResourceExhausted('artifact store', detail);
    }
    this.#held.bytes += size;
  }

  /**
   * Stores bytes as they come. Content that is there already is not read again.
   *
   * @param digest what the bytes must turn out to be.
   * @throws InvalidArgument when they are something else; nothing stays then.
   */
  async receive(digest: string, source: AsyncIterable<Uint8Array>): Promise<UploadResponse> {
    assertDigest(digest);
    const known = await this.store.stat(digest);
    if (known) return { digest, size: known.size, existed: true };
    await this.#admit(0);
    return this.store.putStream(source, { digest });
  }

  /** Yields the bytes of an artifact from an offset on; an offset at the end gives nothing. */
  async *download(digest: string, offset: number): AsyncGenerator<DownloadResponse, void, void> {
    assertDigest(digest);
    const size = (await this.store.stat(digest))?.size ?? 0;
    let at = offset;
    for await (const chunk of this.store.read(digest, offset, PIECE)) {
      yield { offset: at, chunk, size };
      at += chunk.length;
    }
  }

  async stat(digest: string): Promise<StatResponse> {
    assertDigest(digest);
    const found = await this.store.stat(digest);
    const received = found ? 0 : await this.store.received(digest);
    return { exists: found !== undefined, size: found?.size ?? 0, received };
  }
}

async function* piecesOf(messages: AsyncIterable<UploadRequest>): AsyncGenerator<Uint8Array, void, void> {
  for await (const message of messages) {
    if (message.content !== 'chunk' || !message.chunk)
      throw new InvalidArgument('content', message.content ?? '', 'must be a chunk after the header');
    if (message.chunk.length > PIECE) throw new InvalidArgument('chunk', `${message.chunk.length} bytes`, `must be at most ${PIECE} bytes`);
    yield message.chunk;
  }
}
