import { Cancelled, Unavailable } from '@rift/service-kit/client';
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { stackFiles, type StackInfo } from './host.js';
import { lineReader, type GuestMessage, type HostMessage, type StackAddresses } from './messages.js';

/** What a command asks for. */
export interface LeaseOptions {
  /** Folder of the local state, absolute. */
  readonly home: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly threads: number;
  readonly device: string;
  /** Gives up waiting. */
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
  /** Script that hosts a stack; replaced in tests. */
  readonly daemon?: string;
}

const DAEMON = fileURLToPath(new URL('./daemon.js', import.meta.url));
const CONNECT_MS = 2_000;
const PAUSE_MS = 150;
const START_MS = 180_000;
/** More than the services get to stop. */
const RELEASE_MS = 40_000;
/** The folder is hosted by another process already. */
export const TAKEN_EXIT = 75;

/** The use of a local stack; as long as it is held, the stack lives. */
export class StackLease implements StackAddresses {
  readonly endpoint: string;
  readonly web: string;

  constructor(
    private readonly socket: Socket,
    { endpoint, web }: StackAddresses,
  ) {
    this.endpoint = endpoint;
    this.web = web;
  }

  /** Ends the use; resolves when the stack has stopped, or at once when others use it too. */
  async release(): Promise<void> {
    if (this.socket.closed) return;
    const closed = new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    send(this.socket, { type: 'release' });
    await Promise.race([closed, sleep(RELEASE_MS, undefined, { ref: false })]);
    this.socket.destroy();
  }

  /** Has the stack killed at once, whoever else uses it. */
  kill(): void {
    send(this.socket, { type: 'kill' });
  }
}

function send(socket: Socket, message: GuestMessage): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

/**
 * The stack of services under a folder: the one that is there, or a new one in a process of its own, which lives until its
 * last user has left, however that one ends.
 *
 * @throws Unavailable when it does not come up, Cancelled when the signal fires
 */
export async function acquireStack(options: LeaseOptions): Promise<StackLease> {
  const { home, signal } = options;
  const deadline = Date.now() + START_MS;
  let daemon: Daemon | undefined;
  try {
    while (Date.now() < deadline) {
      if (signal.aborted) throw new Cancelled('the start of the services');
      const socket = await connectTo(home);
      if (socket !== undefined) {
        const lease = await awaitReady(socket, options);
        if (lease !== undefined) return lease;
      } else if (daemon === undefined) {
        daemon = await Daemon.start(options);
      } else if (daemon.exitCode !== undefined) {
        if (daemon.exitCode !== TAKEN_EXIT)
          throw new Unavailable('the local services', `their host ended at once; its log is ${daemon.log}`);
        // Somebody else was faster, or is just stopping: look again.
        daemon = undefined;
      }
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    daemon?.detach();
  }
  throw new Unavailable(
    'the local services',
    `they did not come up within ${START_MS / 1000} s; their logs are in ${stackFiles(home).logs}`,
  );
}

/** The process that hosts a new stack. It lives on when this one ends, until it sees that nobody uses it. */
class Daemon {
  exitCode: number | undefined;

  private constructor(
    private readonly process: ChildProcess,
    readonly log: string,
  ) {
    process.once('exit', (code) => (this.exitCode = code ?? 1));
    process.once('error', () => (this.exitCode = 1));
  }

  static async start({ home, environment, threads, device, daemon = DAEMON }: LeaseOptions): Promise<Daemon> {
    const { logs } = stackFiles(home);
    await mkdir(logs, { recursive: true });
    const path = join(logs, 'stack.log');
    const log = openSync(path, 'a');
    try {
      const args = [daemon, JSON.stringify({ home, threads, device })];
      return new Daemon(spawn(process.execPath, args, { env: environment, stdio: ['ignore', log, log], detached: true }), path);
    } finally {
      closeSync(log);
    }
  }

  /** Does not wait for its end. */
  detach(): void {
    this.process.unref();
  }
}

/** A connection to the host of the stack under a folder; undefined when there is none. */
async function connectTo(home: string): Promise<Socket | undefined> {
  const info = await readInfo(home);
  if (info === undefined) return undefined;
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: info.control });
    socket.setTimeout(CONNECT_MS, () => socket.destroy());
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
    socket.once('error', () => socket.destroy());
    socket.once('close', () => resolve(undefined));
  });
}

async function readInfo(home: string): Promise<StackInfo | undefined> {
  try {
    const info = JSON.parse(await readFile(stackFiles(home).info, 'utf8')) as Partial<StackInfo>;
    return typeof info.control === 'number' && typeof info.pid === 'number' ? { control: info.control, pid: info.pid } : undefined;
  } catch {
    // Not there yet, or left by a host of an older version.
    return undefined;
  }
}

/** Waits until the host says that all services can work; undefined when it is stopping, so that another one is needed. */
function awaitReady(socket: Socket, { signal, onProgress }: LeaseOptions): Promise<StackLease | undefined> {
  return new Promise((resolve, reject) => {
    let isSettled = false;
    const settle = (action: () => void): void => {
      isSettled = true;
      signal.removeEventListener('abort', cancel);
      action();
    };
    const cancel = (): void =>
      settle(() => {
        reject(new Cancelled('the start of the services'));
        socket.destroy();
      });
    signal.addEventListener('abort', cancel, { once: true });
    const read = lineReader<HostMessage>((message) => {
      if (message.type === 'progress') onProgress(message.text);
      else if (message.type === 'ready') settle(() => resolve(new StackLease(socket, message)));
      else if (message.type === 'stopping') settle(() => resolve(undefined));
      else if (isSettled) onProgress(message.text);
      else settle(() => reject(new Unavailable('the local services', message.text)));
    });
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => read(chunk));
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      if (!isSettled) settle(() => resolve(undefined));
    });
    if (signal.aborted) cancel();
  });
}
