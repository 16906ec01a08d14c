import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import descriptor, { type IFileDescriptorProto } from 'protobufjs/ext/descriptor/index.js';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { type MethodDefinition, loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { InvalidArgument, NotFound } from './errors.js';
import { createLogger } from './logger.js';
import { withContext } from './context.js';
import { EchoController, SERVICE, echo, startEcho } from './testing/echo.js';

const health = loadSync(protoPath, { enums: String, defaults: true })['grpc.health.v1.Health'] as unknown as {
  Check: MethodDefinition<{ service: string }, { status: string }>;
  Watch: MethodDefinition<{ service: string }, { status: string }>;
};

describe('health', () => {
  it('says by the empty name that the process lives, and by the service name that it can work', async () => {
    let fault: Error | undefined = new Error('no database');
    const probe = (): Promise<void> => (fault === undefined ? Promise.resolve() : Promise.reject(fault));
    await using running = await startEcho({ checks: [{ name: 'database', probe }], operations: { host: '127.0.0.1', port: 0 } });
    const { peer, service } = running;
    const url = `http://127.0.0.1:${service.operationsPort}`;
    assert.deepEqual(await peer.unary(health.Check, { service: '' }), { status: 'SERVING' });
    assert.deepEqual(await peer.unary(health.Check, { service: SERVICE }), { status: 'NOT_SERVING' });
    const notReady = await fetch(`${url}/readyz`);
    assert.equal(notReady.status, 503);
    assert.deepEqual(await notReady.json(), { ready: false, checks: [{ name: 'database', ok: false, detail: 'no database' }] });
    assert.equal((await fetch(`${url}/livez`)).status, 200);

    fault = undefined;
    await service.readiness.refresh();
    assert.deepEqual(await peer.unary(health.Check, { service: SERVICE }), { status: 'SERVING' });
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
  });

  it('tells watchers that the service drains, and does not wait for them', async () => {
    await using running = await startEcho();
    const watch = running.peer.serverStream(health.Watch, { service: SERVICE });
    assert.deepEqual((await watch.next()).value, { status: 'SERVING' });
    const began = Date.now();
    const closed = running.service.close();
    assert.deepEqual((await watch.next()).value, { status: 'NOT_SERVING' });
    await closed;
    assert.ok(Date.now() - began < 6000);
  });
});

describe('metrics', () => {
  it('count calls by method and status', async () => {
    await using running = await startEcho({ operations: { host: '127.0.0.1', port: 0 } });
    await running.peer.unary(echo.Say, { text: 'x' });
    await assert.rejects(running.peer.unary(echo.Say, { text: 'missing' }));
    const text = await (await fetch(`http://127.0.0.1:${running.service.operationsPort}/metrics`)).text();
    assert.match(text, /grpc_server_handled_total\{method="echo\.v1\.EchoService\/Say",code="OK"\} 1\n/);
    assert.match(text, /grpc_server_handled_total\{method="echo\.v1\.EchoService\/Say",code="NOT_FOUND"\} 1\n/);
    assert.match(text, /grpc_server_open_calls\{method="echo\.v1\.EchoService\/Say"\} 0\n/);
  });
});

describe('reflection', () => {
  interface Answer {
    readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
    readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  }
  const proto = new URL('../proto/grpc/reflection/v1/reflection.proto', import.meta.resolve('@grpc/reflection'));
  const { ServerReflectionInfo } = loadSync(fileURLToPath(proto), { oneofs: true })['grpc.reflection.v1.ServerReflection'] as unknown as {
    ServerReflectionInfo: MethodDefinition<{ listServices: string } | { fileContainingSymbol: string }, Answer>;
  };

  it('lists the services and health', async () => {
    await using running = await startEcho();
    const { value } = await running.peer.duplex(ServerReflectionInfo, [{ listServices: '' }]).next();
    const names = (value as Answer).listServicesResponse?.service.map(({ name }) => name) ?? [];
    assert.ok(names.includes(SERVICE) && names.includes('grpc.health.v1.Health'), names.join(', '));
  });

  it('names every type in full, as readers outside JavaScript need it', async () => {
    await using running = await startEcho();
    const { value } = await running.peer.duplex(ServerReflectionInfo, [{ fileContainingSymbol: SERVICE }]).next();
    const files = (value as Answer).fileDescriptorResponse?.fileDescriptorProto ?? [];
    const decoded = files.map((bytes) => descriptor.FileDescriptorProto.decode(bytes) as IFileDescriptorProto);
    const methods = decoded.flatMap(({ service }) => service ?? []).flatMap(({ method }) => method ?? []);
    const fields = decoded.flatMap(({ messageType }) => messageType ?? []).flatMap(({ field }) => field ?? []);
    const names = [...methods.flatMap(({ inputType, outputType }) => [inputType, outputType]), ...fields.map(({ typeName }) => typeName)];
    assert.ok(methods.length > 0);
    assert.deepEqual(
      names.filter((name) => name && !name.startsWith('.')),
      [],
    );
  });
});

@Controller('networks')
class NetworksController {
  @Get(':id')
  find(@Param('id') id: string): object {
    if (id === 'bad') throw new InvalidArgument('id', id, 'must be a digest');
    if (id === 'defect') throw new TypeError('hunter2');
    throw new NotFound('network', id);
  }
}

@Module({ controllers: [EchoController, NetworksController] })
class HybridModule {}

describe('HTTP beside gRPC', () => {
  it('answers errors as RFC 9457 problems while gRPC answers with statuses', async () => {
    await using running = await startEcho({ module: HybridModule, http: { host: '127.0.0.1', port: 0 } });
    const get = async (path: string): Promise<{ status: number; type: string | null; body: Record<string, unknown> }> => {
      const response = await fetch(`http://127.0.0.1:${running.service.httpPort}/${path}`);
      return {
        status: response.status,
        type: response.headers.get('content-type'),
        body: (await response.json()) as Record<string, unknown>,
      };
    };
    const missing = await get('networks/abc');
    assert.equal(missing.status, 404);
    assert.match(missing.type ?? '', /^application\/problem\+json/);
    assert.deepEqual(missing.body, {
      status: 404,
      title: 'NOT_FOUND',
      detail: 'network abc does not exist',
      what: 'network',
      id: 'abc',
      advice: '',
    });
    const bad = await get('networks/bad');
    assert.equal(bad.status, 400);
    assert.deepEqual(bad.body['errors'], [{ field: 'id', value: 'bad', rule: 'must be a digest' }]);
    const defect = await get('networks/defect');
    assert.equal(defect.status, 500);
    assert.doesNotMatch(JSON.stringify(defect.body), /hunter2/);
    assert.equal((await get('nowhere')).status, 404);
    await assert.rejects(running.peer.unary(echo.Say, { text: 'missing' }), NotFound);
  });
});

describe('a log line', () => {
  it('is JSON with service, level name, trace and run, and without secrets', () => {
    const lines: string[] = [];
    const logger = createLogger({ name: 'trainer', level: 'info', destination: { write: (line) => void lines.push(line) } });
    withContext({ traceId: 'a'.repeat(32), runId: 'run-7' }, () => logger.info({ token: 'hunter2', device: 'cpu' }, 'started'));
    logger.debug('not at this level');
    assert.equal(lines.length, 1);
    const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    assert.equal(line['name'], 'trainer');
    assert.equal(line['level'], 'info');
    assert.equal(line['traceId'], 'a'.repeat(32));
    assert.equal(line['runId'], 'run-7');
    assert.equal(line['msg'], 'started');
    assert.doesNotMatch(lines[0] ?? '', /hunter2/);
  });
});
