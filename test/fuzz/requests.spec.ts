// Malformed requests to every RPC of the workers: each gets a gRPC status in time, and the service goes on. RIFT_FUZZ_SECONDS is the time
// for each service, 3 by default.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import {
  Client,
  credentials,
  status as Code,
  type ClientReadableStream,
  type ClientWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { SERVICE_NAMES, methodsOf, type ServiceName } from '@rift/contracts';

import { generatorOf, mutate, type Random } from '../support/mutate.js';
import { Workers } from '../support/workers.js';

const SECONDS = Number(process.env['RIFT_FUZZ_SECONDS'] ?? '3');
const SEED = Number(process.env['RIFT_FUZZ_SEED'] ?? '1');
const CALL_MS = 10_000;
const GROWTH = 300 * 2 ** 20;
const same = (bytes: Buffer): Buffer => bytes;

/** A message that may or may not mean something: fields of random numbers, kinds and lengths, nested a little. */
function message(random: Random, depth = 0): Buffer {
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
  const fields = Array.from({ length: random(8) }, () => {
    const number = 1 + random(20);
    switch (random(5)) {
      case 0:
        return Buffer.from([...varint(number << 3), ...varint(random(2 ** 31))]);
      case 1:
        return Buffer.from([...varint((number << 3) | 1), ...Array.from({ length: 8 }, () => random(256))]);
      case 2: {
        const body = depth < 3 ? message(random, depth + 1) : Buffer.alloc(random(50), 65);
        return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(body.length)]), body]);
      }
      case 3: {
        const text = Buffer.from(['layer1.0.conv1', '../../etc/passwd', '\0', 'a'.repeat(random(5000)), 'f'.repeat(64)][random(5)] ?? '');
        return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(text.length)]), text]);
      }
      default:
        return Buffer.from([...varint((number << 3) | 5), ...Array.from({ length: 4 }, () => random(256))]);
    }
  });
  const whole = Buffer.concat(fields);
  return random(3) === 0 ? mutate(whole, random) : whole;
}

/** Makes a call of whichever kind; resolves with its status code. */
function call(
  client: Client,
  { path, requestStream, responseStream }: ReturnType<typeof methodsOf>[number],
  messages: readonly Buffer[],
): Promise<number> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + CALL_MS;
    const late = setTimeout(() => reject(new Error(`${path} gave no status within ${2 * CALL_MS} ms`)), 2 * CALL_MS);
    const over = (code: number): void => {
      clearTimeout(late);
      resolve(code);
    };
    const [first = Buffer.alloc(0)] = messages;
    const done = (error: ServiceError | null): void => over(error?.code ?? Code.OK);
    const read = (stream: ClientReadableStream<Buffer>): void => {
      stream.on('data', () => undefined).on('error', () => undefined);
      stream.on('status', ({ code }: { code: number }) => over(code));
    };
    const write = (stream: ClientWritableStream<Buffer>): void => {
      for (const one of messages) stream.write(one);
      stream.end();
    };
    if (requestStream && responseStream) {
      const stream = client.makeBidiStreamRequest(path, same, same, { deadline });
      read(stream);
      write(stream);
    } else if (requestStream) write(client.makeClientStreamRequest(path, same, same, { deadline }, done));
    else if (responseStream) read(client.makeServerStreamRequest(path, same, same, first, { deadline }));
    else client.makeUnaryRequest(path, same, same, first, { deadline }, done);
  });
}

describe('RPCs', { concurrency: 1 }, () => {
  let workers: Workers;
  before(async () => {
    workers = await Workers.create();
  });
  after(() => workers[Symbol.asyncDispose]());

  const cases: readonly (readonly [string, readonly ServiceName[], () => Promise<number>])[] = [
    ['the attacker', [SERVICE_NAMES.attacker], async () => (await workers.attacker({ RIFT_CALLS_PER_SECOND: '0' })).service.grpcPort],
    [
      'the trainer',
      [SERVICE_NAMES.trainer, SERVICE_NAMES.conversion],
      async () => (await workers.trainer({ RIFT_CALLS_PER_SECOND: '0' })).service.grpcPort,
    ],
  ];
  for (const [name, services, start] of cases) {
    it(`of ${name} answer malformed requests with a status, in time and in bounded memory`, async (t) => {
      const client = new Client(`127.0.0.1:${await start()}`, credentials.createInsecure());
      t.after(() => client.close());
      const random = generatorOf(`${SEED} ${name}`);
      const methods = services.flatMap((service) => methodsOf(service));
      const codes = new Map<string, number>();
      const base = process.memoryUsage.rss();
      let tried = 0;
      for (const until = Date.now() + SECONDS * 1000; Date.now() < until || tried < methods.length; tried += 1) {
        const method = methods[tried % methods.length];
        assert.ok(method);
        const messages = Array.from({ length: method.requestStream ? 1 + random(4) : 1 }, () => message(random));
        const code = Code[await call(client, method, messages)] ?? '?';
        codes.set(code, (codes.get(code) ?? 0) + 1);
        assert.ok(
          !['INTERNAL', 'UNKNOWN', 'DATA_LOSS', 'UNIMPLEMENTED', 'UNAVAILABLE'].includes(code),
          `${method.path} ended with ${code}`,
        );
      }
      const growth = process.memoryUsage.rss() - base;
      t.diagnostic(
        `${tried} requests: ${[...codes].map(([code, count]) => `${count} ${code}`).join(', ')}; ${Math.round(growth / 2 ** 20)} MiB more memory`,
      );
      assert.ok(growth < GROWTH, `memory grew by ${growth} bytes over ${tried} requests`);
      assert.ok((codes.get('INVALID_ARGUMENT') ?? 0) > 0, 'no request reached the checks');
    });
  }
});
