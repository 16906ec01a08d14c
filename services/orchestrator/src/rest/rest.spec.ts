import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Run } from '@rift/contracts';
import { Harness } from '../testing/harness.js';
import { someSettings } from '../testing/messages.js';
import type { OpenApiDocument } from './openapi/document.js';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: never;
}

describe('the REST API', () => {
  let harness: Harness;
  let document: OpenApiDocument;
  const validators = new Map<string, ValidateFunction>();

  before(async () => {
    harness = await Harness.start(1, { RIFT_WEB_ADDRESS: '127.0.0.1:0' });
    document = (await (await fetch(`${harness.web}/api/openapi.json`)).json()) as OpenApiDocument;
    const ajv = addFormats.default(new Ajv2020.default({ strict: false, allErrors: true }));
    ajv.addSchema({ $id: 'doc', components: document.components });
    for (const name of Object.keys(document.components.schemas)) {
      validators.set(name, ajv.compile({ $ref: `doc#/components/schemas/${name}` }));
    }
  });
  after(() => harness.close());

  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
    const response = await fetch(`${harness.web}${path}`, { method, headers, ...sent });
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: (text === '' ? undefined : JSON.parse(text)) as never };
  }

  function conforms(schema: string, json: unknown): void {
    const validate = validators.get(schema);
    assert.ok(validate, `the document has ${schema}`);
    assert.ok(validate(json), `${schema}: ${JSON.stringify(validate.errors)}`);
  }

  const request = (changes: Parameters<typeof someSettings>[0] = {}) => ({
    requestId: randomUUID(),
    name: 'over REST',
    settings: someSettings(changes),
  });

  async function finished(): Promise<Run> {
    const created = (await call('POST', '/api/v1/runs', request())).json as Run;
    return harness.ended(created.id);
  }

  it('runs the whole method, and every answer is what the document says', async () => {
    const body = request();
    const created = await call('POST', '/api/v1/runs', body);
    assert.equal(created.status, 201);
    conforms('Run', created.json);
    const { id } = created.json as Run;
    assert.equal(created.headers.get('location'), `/api/v1/runs/${id}`);
    assert.equal(((await call('POST', '/api/v1/runs', body)).json as Run).id, id, 'the same request gives the same run');
    await harness.ended(id);
    const run = (await call('GET', `/api/v1/runs/${id}`)).json as Run;
    conforms('Run', run);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    const list = await call('GET', '/api/v1/runs?pageSize=1&state=RUN_STATE_SUCCEEDED');
    conforms('ListRunsResponse', list.json);
    const plan = await call('POST', '/api/v1/plans', { settings: someSettings() });
    assert.equal(plan.status, 200);
    conforms('Plan', plan.json);
    conforms('ListDatasetsResponse', (await call('GET', '/api/v1/datasets')).json);
    conforms('DatasetEntry', (await call('GET', '/api/v1/datasets/toy')).json);
    conforms('ListNetworksResponse', (await call('GET', '/api/v1/networks')).json);
    conforms('NetworkEntry', (await call('GET', `/api/v1/networks/${'a'.repeat(64)}`)).json);
    assert.equal((await call('DELETE', `/api/v1/runs/${id}`)).status, 204);
    assert.equal((await call('GET', `/api/v1/runs/${id}`)).status, 404);
  });

  it('answers with a problem that names each field at fault', async () => {
    const { status, headers, json } = await call('POST', '/api/v1/runs', { ...request(), settings: { seed: 'x' }, nothing: 1 });
    assert.equal(status, 400);
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
    conforms('Problem', json);
    const { errors } = json as { errors: { field: string }[] };
    assert.deepEqual(
      errors.map(({ field }) => field),
      ['settings.seed', 'nothing'],
    );
    const late = await call('POST', '/api/v1/runs', { ...request(), requestId: 'no-uuid' });
    assert.deepEqual(
      (late.json as { errors: { field: string }[] }).errors.map(({ field }) => field),
      ['requestId'],
      'fields are named as in JSON',
    );
  });

  it('refuses unknown addresses, methods, parameters, and bodies that are no JSON', async () => {
    assert.equal((await call('GET', '/api/v1/nothing')).status, 404);
    const wrong = await call('PUT', '/api/v1/runs', {});
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get('allow'), 'GET, HEAD, POST');
    assert.equal((await call('GET', '/api/v1/runs?page=2')).status, 400);
    assert.equal((await call('GET', '/api/v1/runs?pageSize=1&pageSize=2')).status, 400);
    const text = await fetch(`${harness.web}/api/v1/runs`, { method: 'POST', body: 'hello', headers: { 'content-type': 'text/plain' } });
    assert.equal(text.status, 415);
    const broken = await fetch(`${harness.web}/api/v1/runs`, {
      method: 'POST',
      body: '{',
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(broken.status, 400);
    conforms('Problem', await broken.json());
  });

  it('streams the events of a run, and goes on after the last one that a reader saw', async () => {
    const { id } = await finished();
    const all = await events(`/api/v1/runs/${id}/events`);
    assert.equal(all.at(-1)?.event, 'end');
    const numbered = all.slice(0, -1);
    for (const { data } of numbered) conforms('WatchRunResponse', data);
    assert.ok(numbered.every(({ id: one, data }) => Number(one) === (data as { sequence: number }).sequence));
    const seen = numbered[3]?.id ?? '';
    assert.deepEqual(await events(`/api/v1/runs/${id}/events`, { 'last-event-id': seen }), all.slice(4));
    assert.deepEqual(await events(`/api/v1/runs/${id}/events?afterSequence=${seen}`), all.slice(4));
    assert.equal((await call('GET', '/api/v1/runs/nowhere/events')).status, 404);
  });

  it('cancels and resumes', async () => {
    harness.worker.behaviour.delayMs = 400;
    const { id } = (await call('POST', '/api/v1/runs', request({ noCache: true }))).json as Run;
    const cancelled = await call('POST', `/api/v1/runs/${id}/cancel`);
    assert.equal(cancelled.status, 200);
    assert.equal((cancelled.json as Run).state, 'RUN_STATE_CANCELLED');
    assert.equal((await call('POST', `/api/v1/runs/${id}/cancel`)).status, 409);
    harness.worker.behaviour.delayMs = 5;
    assert.equal((await call('POST', `/api/v1/runs/${id}/resume`)).status, 200);
    assert.equal((await harness.ended(id)).state, 'RUN_STATE_SUCCEEDED');
  });

  it('keeps artifacts: what was put can be got, whole or from an offset', async () => {
    const bytes = Buffer.from('some bytes');
    const digest = createHash('sha256').update(bytes).digest('hex');
    const address = `${harness.web}/api/v1/artifacts/${digest}`;
    const put = (body: Buffer) =>
      fetch(address, { method: 'PUT', body: new Uint8Array(body), headers: { 'content-type': 'application/octet-stream' } });
    assert.equal((await put(Buffer.from('other bytes'))).status, 400, 'bytes of another digest are refused');
    assert.equal((await fetch(address)).status, 404, 'and nothing of them stays');
    const first = await put(bytes);
    assert.equal(first.status, 201);
    conforms('UploadResponse', await first.json());
    assert.equal((await put(bytes)).status, 200);
    assert.equal(await (await fetch(address)).text(), 'some bytes');
    const rest = await fetch(address, { headers: { range: 'bytes=5-' } });
    assert.equal(rest.status, 206);
    assert.equal(rest.headers.get('content-range'), `bytes 5-9/${bytes.length}`);
    assert.equal(await rest.text(), 'bytes');
    assert.equal((await fetch(address, { headers: { range: 'bytes=10-' } })).status, 416);
    const head = await fetch(address, { method: 'HEAD' });
    assert.equal(head.headers.get('content-length'), String(bytes.length));
  });

  async function events(path: string, headers: Record<string, string> = {}): Promise<{ id: string; event: string; data: unknown }[]> {
    const text = await (await fetch(`${harness.web}${path}`, { headers })).text();
    return text
      .split('\n\n')
      .filter((block) => block !== '' && !block.startsWith(':'))
      .map((block) => {
        const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
        return { id: field('id'), event: field('event'), data: JSON.parse(field('data')) as unknown };
      });
  }
});
