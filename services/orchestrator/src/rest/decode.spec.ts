import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CreateRunRequest, Stage } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import { decodeMessage } from './decode.js';
import { encodeMessage } from './encode.js';

const CREATE = 'rift.orchestrator.v1.CreateRunRequest';

function violationsOf(name: string, json: unknown): string[] {
  try {
    decodeMessage(name, json);
  } catch (error) {
    if (error instanceof InvalidArgument) return error.violations.map(({ field, rule }) => `${field}: ${rule}`);
    throw error;
  }
  return [];
}

describe('decodeMessage', () => {
  it('makes the very message that gRPC would deliver, with the defaults of what is left out', () => {
    const request = decodeMessage<CreateRunRequest>(CREATE, { name: 'x', settings: { network: 'n', limits: { test: 5 } } });
    assert.equal(request.requestId, '');
    assert.equal(request.plan, null);
    assert.deepEqual(request.settings?.limits, { criticality: 0, train: 0, selection: 0, test: 5, corruption: 0 });
    assert.equal(request.settings?.profile, 'PROFILE_UNSPECIFIED');
  });

  it('names every field at fault by its path, and the rule', () => {
    assert.deepEqual(
      violationsOf(CREATE, { settings: { seed: -1, profile: 'sound', limits: { test: 1.5 } }, plan: { stages: [{ id: 7 }] }, extra: 1 }),
      [
        'settings.seed: must be a whole number from 0 to 4294967295',
        'settings.profile: must be one of PROFILE_UNSPECIFIED, PROFILE_PAPER, PROFILE_CODE, PROFILE_SOUND',
        'settings.limits.test: must be a whole number from 0 to 4294967295',
        'plan.stages[0].id: must be a text',
        'extra: CreateRunRequest has no such field; it has requestId, name, settings, plan',
      ],
    );
  });

  it('refuses what is no object, and null where there is no message to leave out', () => {
    assert.deepEqual(violationsOf(CREATE, [1]), ['body: must be a JSON object']);
    assert.deepEqual(violationsOf(CREATE, undefined), ['body: must be a JSON object']);
    assert.deepEqual(violationsOf(CREATE, { name: null, plan: null }), ['name: must be left out rather than null']);
  });

  it('refuses two fields of one choice', () => {
    const both = { id: 's', craft: {}, train: {} };
    assert.deepEqual(violationsOf('rift.orchestrator.v1.Stage', both), ['train: must not be given together with craft']);
    assert.equal(decodeMessage<Stage>('rift.orchestrator.v1.Stage', { id: 's', craft: {} }).kind, 'craft');
  });

  it('refuses texts that no database keeps', () => {
    assert.deepEqual(violationsOf(CREATE, { name: 'a\0b' }), ['name: must be Unicode text without NUL characters']);
    assert.deepEqual(violationsOf(CREATE, { name: '\ud800' }), ['name: must be Unicode text without NUL characters']);
  });

  it('is not fooled by names that every object has', () => {
    assert.match(violationsOf(CREATE, JSON.parse('{"constructor":1,"__proto__":2}')).join(), /constructor: .*__proto__: /);
  });
});

describe('encodeMessage', () => {
  it('writes times in ISO 8601, bytes in base64 and what JSON lacks by name, and leaves unset messages out', () => {
    const outcome = { correct: 1, total: 2, perImage: Buffer.from([1, 0]), meanLoss: Number.NaN };
    assert.deepEqual(encodeMessage('rift.common.v1.Outcome', outcome), { correct: 1, total: 2, perImage: 'AQA=', meanLoss: 'NaN' });
    const entry = { name: 'x', network: null, createdAt: { seconds: 86_400, nanos: 5_000_000 } };
    assert.deepEqual(encodeMessage('rift.orchestrator.v1.NetworkEntry', entry), { name: 'x', createdAt: '1970-01-02T00:00:00.005Z' });
  });

  it('leaves the name of a choice out: the field itself tells it', () => {
    const event = { sequence: 3, at: null, event: 'log', log: 'hello' };
    assert.deepEqual(encodeMessage('rift.orchestrator.v1.WatchRunResponse', event), { sequence: 3, log: 'hello' });
  });
});
