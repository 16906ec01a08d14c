import { Cancelled, Peer, Unavailable } from '@rift/service-kit/client';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { testEnvironment } from '../testing/config.js';
import { isServing } from './health.js';
import { stackFiles } from './host.js';
import { acquireStack, type LeaseOptions } from './lease.js';
import { isLocked, takeLock } from './lock.js';
import { freePorts } from './ports.js';
import { planStack, threadsEach } from './services.js';
import { ChildFailed, Supervisor, type ChildEvent, type ChildSpec } from './supervisor.js';

const SERVICE = fileURLToPath(new URL('../testing/fake-service.js', import.meta.url));
const DAEMON = fileURLToPath(new URL('../testing/fake-daemon.js', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rift-local-'));
});
const started: Supervisor[] = [];
afterEach(async () => {
  for (const supervisor of started.splice(0)) supervisor.kill();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function answers(address: string): Promise<boolean> {
  const peer = new Peer(address);
  try {
    return await isServing(peer, '');
  } finally {
    peer.close();
  }
}

async function eventually(condition: () => boolean | Promise<boolean>, what: string, withinMs = 15_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `${what} within ${withinMs} ms`);
    await sleep(50);
  }
}

async function fakeChild(extra: Record<string, string> = {}): Promise<ChildSpec> {
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  return {
    name: 'fake',
    script: SERVICE,
    environment: { ...testEnvironment(), FAKE_ADDRESS: address, ...extra },
    health: { address, service: 'fake' },
  };
}

/** The process that listens: the one whose environment holds the address. */
async function pidOf(address: string): Promise<number> {
  const { readdir } = await import('node:fs/promises');
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [environment, line] = await Promise.all([
      readFile(`/proc/${name}/environ`, 'utf8').catch(() => ''),
      readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => ''),
    ]);
    if (environment.includes(`FAKE_ADDRESS=${address}`) && line.includes('fake-service')) return Number(name);
  }
  throw new Error(`no process serves ${address}`);
}

describe('Supervisor', () => {
  const supervised = (): { supervisor: Supervisor; events: ChildEvent[] } => {
    const events: ChildEvent[] = [];
    const supervisor = new Supervisor({ logFolder: folder, onEvent: (event) => events.push(event), pauseMs: 20 });
    started.push(supervisor);
    return { supervisor, events };
  };

  it('waits until a child can work, and stops it', async () => {
    const { supervisor, events } = supervised();
    const child = await fakeChild();
    await supervisor.start(child);
    assert.ok(await answers(child.health.address));
    await supervisor.stop(5_000);
    assert.equal(await answers(child.health.address), false);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['ready'],
    );
  });

  it('starts a crashed child again at the same address', async () => {
    const { supervisor, events } = supervised();
    const child = await fakeChild();
    await supervisor.start(child);
    process.kill(await pidOf(child.health.address), 'SIGKILL');
    await eventually(() => events.some(({ kind }) => kind === 'restarted'), 'it is started again');
    assert.ok(await answers(child.health.address));
    assert.match(events.find(({ kind }) => kind === 'crashed')?.text ?? '', /SIGKILL/);
    await supervisor.stop(5_000);
  });

  it('gives a child up that crashes again and again', async () => {
    const { supervisor, events } = supervised();
    const child = await fakeChild();
    await supervisor.start(child);
    for (let crash = 1; crash <= 6; crash += 1) {
      process.kill(await pidOf(child.health.address), 'SIGKILL');
      await eventually(
        () => events.filter(({ kind }) => kind !== 'ready' && kind !== 'crashed').length === crash,
        `crash ${crash} is dealt with`,
        30_000,
      );
    }
    assert.equal(events.at(-1)?.kind, 'gave-up');
    assert.match(events.at(-1)?.text ?? '', /6 times within a minute/);
    await supervisor.stop(1_000);
  });

  it('says why a child did not come up, with the end of its log', async () => {
    const { supervisor } = supervised();
    await assert.rejects(supervisor.start(await fakeChild({ FAKE_FAILS: 'true' })), (error) => {
      assert.ok(error instanceof ChildFailed);
      return /exit code 3/.test(error.message) && /told to fail/.test(error.message);
    });
  });

  it('kills a child that does not stop when asked', async () => {
    const { supervisor } = supervised();
    const child = await fakeChild({ FAKE_STUBBORN: 'true' });
    await supervisor.start(child);
    await supervisor.stop(300);
    assert.equal(await answers(child.health.address), false);
  });

  it('a child does not outlive its parent, even one that is killed', async () => {
    const child = await fakeChild();
    const parent = `
      import { Supervisor } from ${JSON.stringify(new URL('./supervisor.js', import.meta.url).href)};
      const supervisor = new Supervisor({ logFolder: ${JSON.stringify(folder)}, onEvent: () => console.log('ready') });
      await supervisor.start(${JSON.stringify(child)});`;
    const running = spawn(process.execPath, ['--input-type=module', '-e', parent], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(running.stdout, 'data');
    const pid = await pidOf(child.health.address);
    running.kill('SIGKILL');
    await eventually(async () => !(await readFile(`/proc/${pid}/cmdline`, 'utf8').then(Boolean, () => false)), 'the child is gone');
  });
});

describe('takeLock', () => {
  it('is held by one at a time', async () => {
    const path = join(folder, 'x.lock');
    const taken = await Promise.all(Array.from({ length: 20 }, () => takeLock(path)));
    const held = taken.filter((lock) => lock !== undefined);
    assert.equal(held.length, 1);
    assert.ok(await isLocked(path));
    await held[0]?.release();
    assert.ok((await takeLock(path)) !== undefined);
  });

  it('is taken over from the dead, by one', async () => {
    const path = join(folder, 'x.lock');
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    await writeFile(path, JSON.stringify({ pid: dead.pid, began: '', token: 'old' }));
    const taken = await Promise.all(Array.from({ length: 20 }, () => takeLock(path)));
    assert.equal(taken.filter((lock) => lock !== undefined).length, 1);
  });

  it('is taken over from a process whose number another one has now', async () => {
    const path = join(folder, 'x.lock');
    await writeFile(path, JSON.stringify({ pid: process.pid, began: 'another boot/1', token: 'old' }));
    assert.ok((await takeLock(path)) !== undefined);
  });

  it('is taken over when the file is cut short', async () => {
    const path = join(folder, 'x.lock');
    await writeFile(path, '{"pid":');
    assert.ok((await takeLock(path)) !== undefined);
  });
});

describe('a local stack', () => {
  const options = (signal: AbortSignal = new AbortController().signal): LeaseOptions => ({
    ...{ home: folder, environment: testEnvironment(), threads: 0, device: 'auto', daemon: DAEMON },
    signal,
    onProgress: () => undefined,
  });

  it('is shared by all who use a folder, and stops with the last of them', async () => {
    const [first, second] = await Promise.all([acquireStack(options()), acquireStack(options())]);
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(first.endpoint, second.endpoint);
    await first.release();
    assert.ok(await answers(second.endpoint), 'the second still uses it');
    await second.release();
    assert.equal(await answers(second.endpoint), false);
    assert.equal(await isLocked(stackFiles(folder).lock), false);
  });

  it('starts anew after it has stopped', async () => {
    for (let time = 0; time < 2; time += 1) {
      const lease = await acquireStack(options());
      assert.ok(await answers(lease.endpoint));
      await lease.release();
    }
  });

  it('stops when its only user is killed', async () => {
    const guest = `
      import { acquireStack } from ${JSON.stringify(new URL('./lease.js', import.meta.url).href)};
      const signal = new AbortController().signal;
      const lease = await acquireStack({ ...${JSON.stringify({ ...options(), environment: {} })}, environment: process.env, signal, onProgress: () => undefined });
      console.log(lease.endpoint);
      setInterval(() => undefined, 1000);`;
    const running = spawn(process.execPath, ['--input-type=module', '-e', guest], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [endpoint] = (await once(running.stdout.setEncoding('utf8'), 'data')) as [string];
    assert.ok(await answers(endpoint.trim()));
    running.kill('SIGKILL');
    await eventually(async () => !(await answers(endpoint.trim())), 'the service stops');
    await eventually(async () => !(await isLocked(stackFiles(folder).lock)), 'the lock is free');
  });

  it('is killed at once on request', async () => {
    const lease = await acquireStack(options());
    lease.kill();
    await eventually(async () => !(await answers(lease.endpoint)), 'the service is gone');
    await eventually(async () => !(await isLocked(stackFiles(folder).lock)), 'the lock is free');
  });

  it('that does not come up is reported with the reason', async () => {
    const failing = { ...options(), environment: { ...testEnvironment(), FAKE_FAILS: 'true' } };
    await assert.rejects(acquireStack(failing), (error) => error instanceof Unavailable && /told to fail/.test(error.message));
    await eventually(async () => !(await isLocked(stackFiles(folder).lock)), 'the lock is free');
  });

  it('is not waited for when the user breaks off', async () => {
    const stop = new AbortController();
    stop.abort();
    await assert.rejects(acquireStack(options(stop.signal)), Cancelled);
  });

  it('gives every service its own port and its share of the threads', async () => {
    const base = { home: folder, environment: { PATH: '/bin', RIFT_TRAINERS: 'stale' }, device: 'cpu', port: 0, webPort: 0 };
    const { children, endpoint } = await planStack({ ...base, trainers: 2, attackers: 1, threads: 4 });
    assert.deepEqual(
      children.map(({ name }) => name),
      ['attacker', 'trainer-1', 'trainer-2', 'orchestrator'],
    );
    assert.equal(new Set(children.map(({ health }) => health.address)).size, 4);
    assert.equal(children[1]?.environment['RIFT_THREADS'], '2');
    assert.equal(children[0]?.environment['RIFT_THREADS'], '4');
    const orchestrator = children[3]?.environment ?? {};
    assert.equal(orchestrator['RIFT_TRAINERS'], `${children[1]?.health.address ?? ''},${children[2]?.health.address ?? ''}`);
    assert.equal(orchestrator['RIFT_ORCHESTRATOR_ADDRESS'], endpoint);
    assert.equal(threadsEach(1, 4), 1);
  });
});
