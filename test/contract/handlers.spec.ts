// Every RPC that a worker's contracts declare reaches a handler, and nothing else does.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Client, Metadata, credentials, status as Code, type ServiceError as GrpcError } from '@grpc/grpc-js';
import { SERVICE_NAMES, methodsOf, packageDefinition, type MethodShape } from '@rift/contracts';

import { Workers } from '../support/workers.js';

/** The status of a call with an empty request: a handler finds a field missing, no handler is UNIMPLEMENTED. */
function statusOf(client: Client, { path, requestStream, responseStream }: MethodShape): Promise<Code> {
  const empty = (): Buffer => Buffer.alloc(0);
  const ignore = (): null => null;
  return new Promise((resolve) => {
    const settle = (error: GrpcError | null): void => resolve(error?.code ?? Code.OK);
    if (!responseStream) return void client.makeUnaryRequest(path, empty, ignore, {}, new Metadata(), settle);
    if (requestStream) {
      const stream = client.makeBidiStreamRequest(path, empty, ignore);
      stream
        .on('error', (error) => settle(error as GrpcError))
        .on('end', () => resolve(Code.OK))
        .resume();
      stream.end({});
      return;
    }
    const stream = client.makeServerStreamRequest(path, empty, ignore, {});
    stream
      .on('error', (error) => settle(error as GrpcError))
      .on('end', () => resolve(Code.OK))
      .resume();
  });
}

describe('the workers', () => {
  let workers: Workers;
  const clients: Record<string, Client> = {};

  before(async () => {
    workers = await Workers.create();
    const { service: attacker } = await workers.attacker();
    const { service: trainer } = await workers.trainer();
    for (const [area, { grpcPort }] of Object.entries({ attacker, trainer })) {
      clients[area] = new Client(`127.0.0.1:${grpcPort}`, credentials.createInsecure());
    }
  });
  after(async () => {
    for (const client of Object.values(clients)) client.close();
    await workers[Symbol.asyncDispose]();
  });

  const offered = { attacker: [SERVICE_NAMES.attacker], trainer: [SERVICE_NAMES.trainer, SERVICE_NAMES.conversion] };
  for (const [area, services] of Object.entries(offered)) {
    for (const service of services) {
      for (const method of methodsOf(service)) {
        it(`${method.path} refuses an empty request by its own rules`, async () => {
          assert.equal(Code[await statusOf(clients[area] as Client, method)], 'INVALID_ARGUMENT');
        });
      }
    }
  }

  it('do not offer each other’s services', async () => {
    const [method] = methodsOf(SERVICE_NAMES.trainer);
    assert.equal(Code[await statusOf(clients['attacker'] as Client, method as MethodShape)], 'UNIMPLEMENTED');
  });

  it('tell by grpc.health.v1 that they live and that they are ready', async () => {
    for (const [area, [service]] of Object.entries(offered)) {
      for (const name of ['', service]) {
        assert.equal(await health(clients[area] as Client, name as string), 1, `${area} "${name}"`);
      }
    }
  });
});

/** grpc.health.v1.Health/Check; 1 is SERVING. */
function health(client: Client, service: string): Promise<number> {
  const request = Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes[1] ?? 0,
      request,
      (error: GrpcError | null, status?: number) => (error === null ? resolve(status ?? 0) : reject(error)),
    );
  });
}

describe('the contracts', () => {
  it('give every RPC a request and a response of its own, named after it', () => {
    const seen = new Map<string, string>();
    for (const service of Object.values(SERVICE_NAMES)) {
      const definition = packageDefinition[service] as Record<
        string,
        { requestType: { type: { name: string } }; responseType: { type: { name: string } } }
      >;
      for (const { name } of methodsOf(service)) {
        const { requestType, responseType } = definition[name] ?? assert.fail(name);
        for (const [role, message] of [
          ['Request', requestType.type.name],
          ['Response', responseType.type.name],
        ] as const) {
          assert.ok(message.endsWith(`${name}${role}`), `${service}.${name} uses ${message}`);
          const key = `${service.replace(/\.\w+$/, '')}.${message}`;
          assert.equal(seen.get(key), undefined, `${key} is used twice`);
          seen.set(key, name);
        }
      }
    }
  });
});
