import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Harness } from '../testing/harness.js';

const READ = 'read-token-of-some-length';
const ADMIN = 'admin-token-of-some-length';

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** A request with headers that fetch() does not let through (Host, Origin, Sec-Fetch-Site). */
function ask(
  url: string,
  { method = 'GET', headers = {}, body }: Sent = {},
): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('the HTTP server without tokens', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start(1, { RIFT_WEB_ADDRESS: '127.0.0.1:0', RIFT_WEB_HOSTS: 'rift.example' });
  });
  after(() => harness.close());

  it('loads nothing from elsewhere and runs nothing inline', async () => {
    const { headers, text } = await ask(`${harness.web}/runs`);
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.doesNotMatch(text, /<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=/, 'no inline script, style or handler');
    assert.doesNotMatch(text, /(?:src|href)="(?:https?:)?\/\//, 'no address of another host');
  });

  it('refuses host names that are not its own, so that no other site can pass for it', async () => {
    assert.equal((await ask(`${harness.web}/runs`, { headers: { host: 'evil.example' } })).status, 403);
    assert.equal((await ask(`${harness.web}/runs`, { headers: { host: 'rift.example:8080' } })).status, 200);
    assert.equal((await ask(`${harness.web}/runs`, { headers: { host: 'localhost:1' } })).status, 200);
    assert.equal((await ask(`${harness.web}/runs`, { headers: { host: '[::1]:1' } })).status, 200);
  });

  it('refuses what a page of another site makes a browser send', async () => {
    const post = (headers: Record<string, string>) =>
      ask(`${harness.web}/api/v1/plans`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{}' });
    assert.equal((await post({ 'sec-fetch-site': 'cross-site' })).status, 403);
    assert.equal((await post({ 'sec-fetch-site': 'same-site' })).status, 403);
    assert.equal((await post({ origin: 'https://evil.example' })).status, 403);
    assert.equal((await post({ origin: 'null' })).status, 403);
    assert.equal((await post({ 'sec-fetch-site': 'same-origin' })).status, 400, 'its own pages get to the request itself');
    assert.equal((await post({})).status, 400, 'and so do programs');
  });
});

describe('the HTTP server with tokens', () => {
  let harness: Harness;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rift-http-'));
    const tokens = join(folder, 'tokens');
    writeFileSync(tokens, `read ${READ}\nadmin ${ADMIN}\n`);
    harness = await Harness.start();
    await harness.kill('SIGTERM');
    await harness.boot({ RIFT_WEB_ADDRESS: '127.0.0.1:0', RIFT_TOKENS: tokens });
  });
  after(async () => {
    await harness.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

  it('asks programs for a token and people to log in', async () => {
    const api = await ask(`${harness.web}/api/v1/runs`);
    assert.equal(api.status, 401);
    assert.equal(api.headers['www-authenticate'], 'Bearer');
    const page = await ask(`${harness.web}/runs?state=failed`);
    assert.equal(page.status, 303);
    assert.equal(page.headers['location'], '/login?next=%2Fruns%3Fstate%3Dfailed');
    assert.equal((await ask(`${harness.web}/api/v1/runs`, { headers: bearer(READ) })).status, 200);
    assert.equal((await ask(`${harness.web}/api/v1/runs`, { headers: bearer('something-else-entirely') })).status, 401);
  });

  it('lets readers see and administrators delete', async () => {
    const remove = (token: string) => ask(`${harness.web}/api/v1/datasets/none`, { method: 'DELETE', headers: bearer(token) });
    assert.equal((await remove(READ)).status, 403);
    assert.equal((await remove(ADMIN)).status, 404);
    assert.equal((await ask(`${harness.web}/runs/new`, { headers: bearer(READ) })).status, 403);
  });

  it('gives a browser a session for a token, which can do what the token can, and ends it', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' };
    const login = (token: string, next = '/networks') =>
      ask(`${harness.web}/login`, { method: 'POST', headers: form, body: new URLSearchParams({ token, next }).toString() });
    assert.equal((await login('wrong-token-wrong-token')).status, 400);
    const { status, headers } = await login(READ);
    assert.equal(status, 303);
    assert.equal(headers['location'], '/networks');
    const [cookie = ''] = headers['set-cookie'] as string[];
    assert.match(cookie, /HttpOnly/);
    assert.match(cookie, /SameSite=Strict/);
    assert.doesNotMatch(cookie, new RegExp(READ));
    const session = { cookie: cookie.split(';')[0] ?? '' };
    assert.equal((await ask(`${harness.web}/runs`, { headers: session })).status, 200);
    assert.equal((await ask(`${harness.web}/api/v1/datasets/none`, { method: 'DELETE', headers: session })).status, 403);
    const forged = { cookie: session.cookie.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) };
    assert.equal((await ask(`${harness.web}/api/v1/runs`, { headers: forged })).status, 401);
    assert.equal((await login(READ, '//evil.example')).headers['location'], '/runs', 'nobody is sent to another site');
  });
});

describe('the HTTP server with a limit of calls', () => {
  it('answers 429 with the time to wait to whoever guesses tokens too fast, by API and by login, and lets known callers go on', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'rift-http-'));
    const tokens = join(folder, 'tokens');
    writeFileSync(tokens, `read ${READ}\n`);
    const harness = await Harness.start();
    t.after(async () => {
      await harness.close();
      rmSync(folder, { recursive: true, force: true });
    });
    await harness.kill('SIGTERM');
    await harness.boot({ RIFT_WEB_ADDRESS: '127.0.0.1:0', RIFT_TOKENS: tokens, RIFT_CALLS_PER_SECOND: '1' });
    const guess = (at: number) => ask(`${harness.web}/api/v1/runs`, { headers: { authorization: `Bearer guess-number-${at}-of-many` } });
    const answers = await Promise.all(Array.from({ length: 12 }, (_, at) => guess(at)));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 6, answers.map(({ status }) => status).join());
    assert.ok(refused.every(({ headers }) => Number(headers['retry-after']) >= 1));
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' };
    const logIn = () => ask(`${harness.web}/login`, { method: 'POST', headers, body: 'token=another-guess-of-many' });
    const logins = await Promise.all(Array.from({ length: 6 }, logIn));
    assert.ok(
      logins.some(({ status }) => status === 429),
      logins.map(({ status }) => status).join(),
    );
    assert.equal((await ask(`${harness.web}/api/v1/runs`, { headers: { authorization: `Bearer ${READ}` } })).status, 200);
  });
});
