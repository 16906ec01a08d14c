import { RiftClient } from '@rift/client';
import { FailedPrecondition } from '@rift/service-kit/client';
import type { Command } from 'commander';
import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { bytes } from '../output/format.js';
import { endpointOf, peerOptions, type Session } from '../session.js';
import { example, type StartSession } from './context.js';

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

const PROBE = fileURLToPath(new URL('../local/probe.js', import.meta.url));
const PROBE_MS = 60_000;
const CONNECT_MS = 5_000;
const LEAST_FREE_BYTES = 2e9;

/** Adds `rift doctor`. */
export function registerDoctor(program: Command, start: StartSession): void {
  program
    .command('doctor')
    .description('say what this machine has and lacks; with --endpoint, whether the service answers')
    .addHelpText('after', example('rift doctor'))
    .action(async (_: object, self: Command) => runDoctor(start(self)));
}

async function runDoctor(session: Session): Promise<void> {
  const endpoint = endpointOf(session);
  const checks = endpoint === undefined ? await localChecks(session) : await remoteChecks(session, endpoint);
  const { output } = session;
  output.result({ checks }, () => {
    const width = Math.max(...checks.map(({ name }) => name.length));
    return checks
      .map(({ name, ok, detail }) => `${output.style(ok ? 'green' : 'red', ok ? '✓' : '✗')} ${name.padEnd(width)}  ${detail}`)
      .join('\n');
  });
  const failed = checks.filter(({ ok }) => !ok).map(({ name }) => name);
  if (failed.length > 0) throw new FailedPrecondition(endpoint ?? 'this machine', `not everything is in order (${failed.join(', ')})`);
}

async function localChecks({ environment, options }: Session): Promise<Check[]> {
  const [engine, store] = await Promise.all([engineChecks(environment.inherited, options.device), storeCheck(environment.home)]);
  return [
    { name: 'Node', ok: true, detail: process.version },
    { name: 'processor', ok: true, detail: `${availableParallelism()} threads, ${bytes(totalmem())} of memory` },
    ...engine,
    store,
  ];
}

async function engineChecks(environment: Readonly<Record<string, string>>, device: string): Promise<Check[]> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [PROBE], { env: environment, timeout: PROBE_MS });
    return describeEngine(JSON.parse(stdout) as Record<string, unknown>, device);
  } catch (error) {
    const reason =
      error instanceof Error ? (error.message.split('\n').find((line) => line.includes('Error')) ?? error.message) : String(error);
    return [{ name: 'engine', ok: false, detail: `cannot be loaded (${reason.trim()}); run "npm run setup"` }];
  }
}

/** The engine's own account, one check each; a device that was asked for and is missing is not in order. */
export function describeEngine(found: Readonly<Record<string, unknown>>, device: string): Check[] {
  const text = (name: string): string => {
    const value = found[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : 'unknown';
  };
  const devices = Number(found['cudaDevices'] ?? 0);
  const isMissing = device.startsWith('cuda') && devices <= Number(device.split(':')[1] ?? 0);
  const gpu = devices > 0 ? `${devices} CUDA device${devices === 1 ? '' : 's'}` : 'none found; the processor is used';
  const isFaster = found['bf16Faster'] === true;
  return [
    {
      name: 'engine',
      ok: true,
      detail: `version ${text('engineVersion')}, ${text('threads')} threads, ${text('batchSize')} images a batch`,
    },
    { name: 'libtorch', ok: true, detail: text('libtorchVersion') },
    { name: 'GPU', ok: !isMissing, detail: isMissing ? `${gpu}, and --device ${device} asks for another` : gpu },
    {
      name: 'bf16',
      ok: true,
      detail: isFaster ? 'measured faster here: attacks use it, judgement is float32' : 'not faster here: float32 throughout',
    },
    { name: 'fastest', ok: true, detail: `${text('choices')}${rates(found['tried'])}${quiet(found['triedInQuiet'])}` },
  ];
}

/** How much faster the fastest combination that was measured is than the slowest. */
function rates(tried: unknown): string {
  const measured = typeof tried === 'object' && tried !== null ? Object.values(tried).map(Number) : [];
  if (measured.length < 2) return '';
  return ` (of ${measured.length} combinations measured, ${(Math.max(...measured) / Math.min(...measured)).toFixed(1)} times as fast as the slowest)`;
}

function quiet(wasQuiet: unknown): string {
  return wasQuiet === false ? '; measured beside other work, and again by what starts ten minutes later' : '';
}

async function storeCheck(home: string): Promise<Check> {
  try {
    await mkdir(home, { recursive: true });
    const probe = join(home, `.probe-${process.pid}`);
    await writeFile(probe, '');
    await rm(probe);
    const { bavail, bsize } = await statfs(home);
    const free = bavail * bsize;
    const isEnough = free >= LEAST_FREE_BYTES;
    return {
      name: 'store',
      ok: isEnough,
      detail: `${home}, ${bytes(free)} free${isEnough ? '' : `; at least ${bytes(LEAST_FREE_BYTES)} are needed`}`,
    };
  } catch (error) {
    return { name: 'store', ok: false, detail: `${home} cannot be written (${error instanceof Error ? error.message : String(error)})` };
  }
}

async function remoteChecks(session: Session, endpoint: string): Promise<Check[]> {
  using client = new RiftClient(endpoint, peerOptions(session.environment));
  const timed = async (name: string, action: () => Promise<unknown>): Promise<Check> => {
    const started = performance.now();
    try {
      await action();
      return { name, ok: true, detail: `answers after ${(performance.now() - started).toFixed(0)} ms` };
    } catch (error) {
      return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
    }
  };
  const connection = await timed('connection', () => client.ready(CONNECT_MS));
  if (!connection.ok) return [connection];
  const call = { timeoutMs: CONNECT_MS };
  return [
    connection,
    await timed('runs', () => client.runs.list({}, call).next()),
    await timed('catalog', () => client.catalog.listNetworks(call).next()),
    await timed('artifacts', () => client.artifacts.stat('0'.repeat(64), call)),
  ];
}
