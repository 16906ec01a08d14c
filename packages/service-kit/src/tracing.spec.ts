import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { withContext } from './context.js';
import { NotFound } from './errors.js';
import { createLogger } from './logger.js';
import { parseSmi } from './process-metrics.js';
import { echo, startEcho } from './testing/echo.js';
import { inSpan, startTracing } from './tracing.js';

interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: { key: string; value: { stringValue?: string; intValue?: string } }[];
  readonly status: { code: number; message?: string };
}

const logger = createLogger({ name: 'test', level: 'silent' });

/** A collector that keeps what it is sent. */
async function collector(t: TestContext, status = 200): Promise<{ endpoint: string; spans: ReceivedSpan[]; services: string[] }> {
  const spans: ReceivedSpan[] = [];
  const services: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { resourceSpans } = JSON.parse(body) as {
        resourceSpans: { resource: { attributes: ReceivedSpan['attributes'] }; scopeSpans: { spans: ReceivedSpan[] }[] }[];
      };
      for (const { resource, scopeSpans } of resourceSpans) {
        services.push(resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '');
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
      response.writeHead(request.url === '/v1/traces' ? status : 404).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, services };
}

describe('tracing', () => {
  it('sends one trace from the caller over gRPC to the work behind the call', async (t) => {
    const { endpoint, spans, services } = await collector(t);
    const stop = startTracing({ service: 'echo', endpoint, logger });
    await using running = await startEcho();
    await withContext({ traceId: 'a'.repeat(32), runId: 'run-1' }, () =>
      inSpan('unit', { 'rift.attempt': 2 }, () => running.peer.unary(echo.Say, { text: 'x' }), 'client'),
    );
    await stop();
    const unit = spans.find(({ name }) => name === 'unit');
    const call = spans.find(({ name }) => name === echo.Say.path.slice(1));
    assert.deepEqual(services, ['echo']);
    assert.equal(unit?.traceId, 'a'.repeat(32));
    assert.equal(call?.traceId, unit.traceId);
    assert.equal(call.parentSpanId, unit.spanId);
    assert.deepEqual([unit.kind, call.kind], [3, 2]);
    assert.deepEqual(unit.attributes, [{ key: 'rift.attempt', value: { intValue: '2' } }]);
    assert.ok(call.attributes.some(({ key, value }) => key === 'rift.run_id' && value.stringValue === 'run-1'));
    assert.ok(BigInt(call.endTimeUnixNano) >= BigInt(call.startTimeUnixNano));
  });

  it('marks spans whose work failed', async (t) => {
    const { endpoint, spans } = await collector(t);
    const stop = startTracing({ service: 'echo', endpoint, logger });
    await assert.rejects(inSpan('broken', {}, () => Promise.reject(new NotFound('network', 'n'))));
    await stop();
    assert.equal(spans[0]?.status.code, 2);
    assert.match(spans[0]?.status.message ?? '', /network n does not exist/);
  });

  it('neither fails nor delays work when the collector is broken or away', async (t) => {
    for (const endpoint of [(await collector(t, 500)).endpoint, 'http://127.0.0.1:9']) {
      const stop = startTracing({ service: 'echo', endpoint, logger });
      assert.equal(await inSpan('work', {}, () => Promise.resolve(7)), 7);
      await stop();
    }
  });

  it('records nothing where it was not started', async (t) => {
    const { spans } = await collector(t);
    assert.equal(await inSpan('work', {}, () => Promise.resolve(7)), 7);
    assert.equal(spans.length, 0);
  });
});

describe('parseSmi', () => {
  it('reads index and mebibytes of every GPU, and skips what is no figure', () => {
    assert.deepEqual(parseSmi('0, 1024, 81559\n1, [N/A], 81559\n\n'), [{ gpu: '0', used: 2 ** 30, all: 81559 * 2 ** 20 }]);
  });
});
