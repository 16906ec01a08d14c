import { Metadata } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { generate } from 'selfsigned';
import { FailedPrecondition, PermissionDenied, Unauthenticated, Unavailable } from '../errors.js';
import { SERVICE, echo, startEcho } from '../testing/echo.js';
import { BearerTokens } from './bearer-tokens.js';
import { Peer } from './peer.js';
import { clientTls, serverTls } from './tls.js';

type Pair = Awaited<ReturnType<typeof generate>>;

let folder = '';
let authority: Pair;
const file = (name: string): string => join(folder, name);

/** Writes NAME.crt and NAME.key, signed by the authority; the certificate holds for localhost. */
async function issue(name: string): Promise<void> {
  const extensions = [
    { name: 'basicConstraints' as const, cA: false },
    { name: 'keyUsage' as const, digitalSignature: true },
    { name: 'extKeyUsage' as const, serverAuth: true, clientAuth: true },
    { name: 'subjectAltName' as const, altNames: [{ type: 2 as const, value: 'localhost' }] },
  ];
  const pair = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions,
    ca: { key: authority.private, cert: authority.cert },
  });
  writeFileSync(file(`${name}.crt`), pair.cert);
  writeFileSync(file(`${name}.key`), pair.private);
}

async function newAuthority(name: string): Promise<Pair> {
  const extensions = [
    { name: 'basicConstraints' as const, cA: true, critical: true },
    { name: 'keyUsage' as const, keyCertSign: true, critical: true },
  ];
  const pair = await generate([{ name: 'commonName', value: name }], { keyType: 'ec', algorithm: 'sha256', extensions });
  writeFileSync(file(`${name}.crt`), pair.cert);
  return pair;
}

function peerOf(t: TestContext, port: number, options: Parameters<typeof clientTls>[0]): Peer {
  const peer = new Peer(`localhost:${port}`, { credentials: clientTls(options) });
  t.after(() => peer.close());
  return peer;
}

describe('TLS', () => {
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tls-'));
    authority = await newAuthority('authority');
    await issue('server');
    await issue('client');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const server = (): { certificate: string; key: string } => ({ certificate: file('server.crt'), key: file('server.key') });

  it('lets clients in that trust the authority, and no plain ones', async (t) => {
    const credentials = serverTls(server());
    await using running = await startEcho({ grpc: { host: '127.0.0.1', port: 0, credentials } });
    const peer = peerOf(t, running.service.grpcPort, { authority: file('authority.crt') });
    assert.deepEqual(await peer.unary(echo.Say, { text: 'hidden' }), { text: 'hidden' });
    await assert.rejects(running.peer.unary(echo.Say, { text: 'plain' }, { timeoutMs: 3000 }), Unavailable);
    await newAuthority('stranger');
    await assert.rejects(
      peerOf(t, running.service.grpcPort, { authority: file('stranger.crt') }).unary(echo.Say, { text: 'x' }),
      Unavailable,
    );
  });

  it('on both sides refuses clients without a certificate', async (t) => {
    const credentials = serverTls({ ...server(), clientAuthority: file('authority.crt') });
    await using running = await startEcho({ grpc: { host: '127.0.0.1', port: 0, credentials } });
    const port = running.service.grpcPort;
    const identity = { certificate: file('client.crt'), key: file('client.key') };
    const known = peerOf(t, port, { authority: file('authority.crt'), identity });
    assert.deepEqual(await known.unary(echo.Say, { text: 'known' }), { text: 'known' });
    await assert.rejects(peerOf(t, port, { authority: file('authority.crt') }).unary(echo.Say, { text: 'x' }), Unavailable);
  });

  it('takes renewed certificates without a restart', async (t) => {
    const credentials = serverTls({ ...server(), refreshMs: 50 });
    await using running = await startEcho({ grpc: { host: '127.0.0.1', port: 0, credentials } });
    const port = running.service.grpcPort;
    await peerOf(t, port, { authority: file('authority.crt') }).unary(echo.Say, { text: 'x' });
    authority = await newAuthority('successor');
    await issue('server');
    const renewed = async (): Promise<boolean> => {
      const peer = new Peer(`localhost:${port}`, { credentials: clientTls({ authority: file('successor.crt') }) });
      try {
        await peer.unary(echo.Say, { text: 'x' });
        return true;
      } catch {
        return false;
      } finally {
        peer.close();
      }
    };
    const until = Date.now() + 5000;
    while (!(await renewed())) assert.ok(Date.now() < until, 'the new certificate was not taken within 5 s');
  });

  it('refuses files that are missing or do not fit together at the start', () => {
    assert.throws(
      () => serverTls({ certificate: '/nowhere.crt', key: '/nowhere.key' }),
      (error) => error instanceof FailedPrecondition && /nowhere\.crt/.test(error.message),
    );
    assert.throws(() => serverTls({ certificate: file('server.crt'), key: file('client.key') }), FailedPrecondition);
  });
});

describe('bearer tokens', () => {
  const roles = ['read', 'submit', 'admin'] as const;
  const reader = 'r'.repeat(20);
  const submitter = 's'.repeat(20);

  function tokensOf(t: TestContext, text: string): BearerTokens<(typeof roles)[number]> {
    const scratch = mkdtempSync(join(tmpdir(), 'tokens-'));
    t.after(() => rmSync(scratch, { recursive: true }));
    const path = join(scratch, 'tokens');
    writeFileSync(path, text);
    return BearerTokens.fromFile(path, roles);
  }

  it('let a call pass by role, and leave health open', async (t) => {
    const tokens = tokensOf(t, `# two\nread ${reader}\n\nsubmit ${submitter}\n`);
    const authorize = (metadata: Metadata, path: string): void => {
      tokens.admit(metadata, path, path === `/${SERVICE}/Say` ? 'submit' : 'read');
    };
    await using running = await startEcho({ grpc: { host: '127.0.0.1', port: 0, authorize } });
    const target = `127.0.0.1:${running.service.grpcPort}`;
    const callAs = async (token?: string): Promise<unknown> => {
      const peer = new Peer(target, token === undefined ? {} : { token });
      return peer.unary(echo.Say, { text: 'x' }).finally(() => peer.close());
    };
    assert.deepEqual(await callAs(submitter), { text: 'x' });
    await assert.rejects(
      callAs(reader),
      (error) => error instanceof PermissionDenied && /role read is not enough, submit is needed/.test(error.message),
    );
    await assert.rejects(callAs('x'.repeat(20)), Unauthenticated);
    await assert.rejects(callAs(), Unauthenticated);
    await assert.rejects(running.peer.serverStream(echo.Count, { to: 1 }).next(), Unauthenticated);
  });

  it('come from a file whose faults are named without any token', (t) => {
    for (const [text, rule] of [
      [`owner ${reader}`, /line 1 must begin with one of read, submit, admin/],
      ['read short', /line 1 must hold one token of at least 16/],
      [`read ${reader}\nadmin ${reader}`, /line 2 repeats the token/],
      ['# nobody\n', /holds no token/],
    ] as const) {
      assert.throws(
        () => tokensOf(t, text),
        (error) => error instanceof FailedPrecondition && rule.test(error.message) && !error.message.includes(reader),
      );
    }
    assert.throws(() => BearerTokens.fromFile('/nowhere/tokens', roles), /token file \/nowhere\/tokens: it cannot be read/);
  });

  it('are not taken from headers of another scheme', (t) => {
    const tokens = tokensOf(t, `admin ${reader}`);
    const metadata = new Metadata();
    metadata.set('authorization', `Basic ${reader}`);
    assert.throws(() => tokens.admit(metadata, 'Say', 'read'), Unauthenticated);
  });
});
