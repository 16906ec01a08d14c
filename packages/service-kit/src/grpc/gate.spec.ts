import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { type CryptoKey, SignJWT, exportJWK, generateKeyPair } from 'jose';
import { PermissionDenied, ResourceExhausted, Unauthenticated, Unavailable } from '../errors.js';
import { createLogger } from '../logger.js';
import { echo, startEcho } from '../testing/echo.js';
import { Gate, type GateSettings } from './gate.js';
import { Peer } from './peer.js';
import { RateLimit } from './rate-limit.js';

const RULES = {
  roles: ['read', 'submit', 'admin'] as const,
  roleFor: (path: string) => (/Delete/.test(path) ? ('admin' as const) : /Say/.test(path) ? ('submit' as const) : ('read' as const)),
};
const OPEN: GateSettings = { certificate: undefined, key: undefined, clientAuthority: undefined, tokensFile: undefined, callsPerSecond: 0 };

function bearing(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

describe('tokens of an OpenID Connect issuer', () => {
  let keys: { privateKey: CryptoKey; publicKey: CryptoKey };
  let issuer = '';
  let fetches = 0;
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      response.setHeader('content-type', 'application/json');
      if (request.url === '/.well-known/openid-configuration') {
        return void response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }));
      }
      fetches += 1;
      response.end(JSON.stringify({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256' }] }));
    };
    answer().catch((error: unknown) => response.destroy(error as Error));
  });
  before(async () => {
    keys = await generateKeyPair('ES256');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  const gate = (): Gate<'read' | 'submit' | 'admin'> =>
    new Gate({ ...OPEN, oidc: { issuer, audience: 'rift', roleClaim: 'realm_access.roles' } }, RULES);

  interface Changes {
    issuer?: string;
    audience?: string;
    roles?: unknown;
    expires?: string;
    key?: CryptoKey;
  }
  function token({
    issuer: from = issuer,
    audience = 'rift',
    roles = ['submit', 'other'],
    expires = '1m',
    key,
  }: Changes = {}): Promise<string> {
    return new SignJWT({ realm_access: { roles } })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setSubject('ana')
      .setIssuer(from)
      .setAudience(audience)
      .setExpirationTime(expires)
      .sign(key ?? keys.privateKey);
  }

  it('are let in by the most powerful of their roles, under their subject', async () => {
    const admitted = await gate().admit(bearing(await token({ roles: ['read', 'submit'] })), '/x/Say', '10.0.0.1:1');
    assert.deepEqual(admitted, { caller: 'ana', role: 'submit', audited: true });
    await assert.rejects(gate().admit(bearing(await token()), '/x/Delete', '10.0.0.1:1'), PermissionDenied);
  });

  it('are refused when forged, expired, for somebody else, from somebody else or without a role', async () => {
    const stranger = await generateKeyPair('ES256');
    const bad = await Promise.all([
      token({ key: stranger.privateKey }),
      token({ expires: '-1h' }),
      token({ audience: 'another' }),
      token({ issuer: 'https://evil.example' }),
      token({ roles: ['owner'] }),
      token({ roles: { toString: 1 } }),
    ]);
    const [header = '', payload = ''] = (await token()).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    for (const one of [...bad, `${none}.${payload}.x`, `${header}.${payload}.AAAA`, 'short', '']) {
      await assert.rejects(
        gate().admit(bearing(one), '/x/Say', '10.0.0.1:1'),
        (error) => error instanceof Unauthenticated && !(one.length > 20 && error.message.includes(one)),
      );
    }
  });

  it('cost one fetch of the keys however many there are', async () => {
    const door = gate();
    fetches = 0;
    for (let index = 0; index < 5; index += 1) await door.admit(bearing(await token()), '/x/Say', '10.0.0.1:1');
    assert.equal(fetches, 1);
  });

  it('are Unavailable, not wrong, while the issuer is away, and work once it is back', async () => {
    const away = new Gate({ ...OPEN, oidc: { issuer: 'http://127.0.0.1:9', audience: 'rift', roleClaim: 'roles' } }, RULES);
    await assert.rejects(away.admit(bearing(await token()), '/x/Say', '10.0.0.1:1'), Unavailable);
  });
});

describe('the rate of calls', () => {
  it('has room for a burst and comes back with time', () => {
    let now = 0;
    const limit = new RateLimit(10, () => now);
    for (let call = 0; call < 20; call += 1) limit.take('a');
    assert.throws(
      () => limit.take('a'),
      (error) => error instanceof ResourceExhausted && error.retryAfterMs === 100,
    );
    limit.take('b');
    now = 100;
    limit.take('a');
    assert.throws(() => limit.take('a'), ResourceExhausted);
  });

  it('costs bounded memory however many callers come', () => {
    const limit = new RateLimit(1, () => 0);
    for (let caller = 0; caller < 10_000; caller += 1) limit.take(`c${caller}`);
    // The callers beyond share one allowance.
    limit.take('late-1');
    limit.take('late-2');
    assert.throws(() => limit.take('late-3'), ResourceExhausted);
  });

  it('is counted by caller, and by address for those who show no valid token', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gate-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const tokensFile = join(folder, 'tokens');
    writeFileSync(tokensFile, `submit ${'s'.repeat(20)} one\nsubmit ${'t'.repeat(20)} two\n`);
    const gate = new Gate({ ...OPEN, tokensFile, callsPerSecond: 1 }, RULES);
    const call = (token: string, peer = '10.0.0.1:1') => gate.admit(bearing(token), '/x/Say', peer);
    for (let index = 0; index < 2; index += 1) await call('s'.repeat(20), `10.0.0.${index}:1`);
    await assert.rejects(call('s'.repeat(20)), ResourceExhausted);
    assert.equal((await call('t'.repeat(20))).caller, 'two');
    for (let index = 0; index < 2; index += 1) await assert.rejects(call('guess'.repeat(5)), Unauthenticated);
    await assert.rejects(call('guess'.repeat(5)), ResourceExhausted);
    await assert.rejects(call('guess'.repeat(5), '10.0.0.9:1'), Unauthenticated);
  });
});

describe('the audit log', () => {
  it('tells who changed what and how it ended, and nothing of those who only look', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'audit-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const tokensFile = join(folder, 'tokens');
    const secret = 's'.repeat(20);
    writeFileSync(tokensFile, `submit ${secret} ana\n`);
    const gate = new Gate({ ...OPEN, tokensFile }, RULES);
    const lines: string[] = [];
    const logger = createLogger({ name: 'echo', level: 'info', pretty: false, destination: { write: (line: string) => lines.push(line) } });
    await using running = await startEcho({ logger, grpc: { host: '127.0.0.1', port: 0, ...gate.serverOptions() } });
    const peer = new Peer(`127.0.0.1:${running.service.grpcPort}`, { token: secret });
    t.after(() => peer.close());
    await peer.unary(echo.Say, { text: 'hello' });
    await assert.rejects(peer.unary(echo.Say, { text: 'defect' }));
    for await (const message of peer.serverStream(echo.Count, { to: 1 })) assert.ok(message);
    const audit = lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['audit'] === true);
    assert.deepEqual(
      audit.map(({ caller, role, code, method }) => [caller, role, code, method]),
      [
        ['ana', 'submit', 'OK', echo.Say.path.slice(1)],
        ['ana', 'submit', 'INTERNAL', echo.Say.path.slice(1)],
      ],
    );
    assert.ok(audit.every((line) => typeof line['traceId'] === 'string' && line['peer'] !== undefined));
    assert.ok(!lines.join('').includes(secret), 'a token is in the log');
  });
});
