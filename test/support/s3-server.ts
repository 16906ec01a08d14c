import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { goTool, type Found } from './deploy-tools.js';

const VERSION = 'v1.8.0';
const MODULE = 'github.com/versity/versitygw';
const START_MS = 30_000;

/** An S3 server as it is run in production: versitygw (Apache-2.0), built from its Go module. */
export function findS3Server(): Found {
  return goTool('versitygw', MODULE, VERSION, `${MODULE}/cmd/versitygw`);
}

/** A running S3 server over a folder, with signed requests and one account. */
export class S3Server implements AsyncDisposable {
  static readonly access = 'rift-access';
  static readonly secret = 'rift-secret-of-the-test';

  private constructor(
    readonly endpoint: string,
    private readonly stop: () => Promise<void>,
  ) {}

  static async start(command: string): Promise<S3Server> {
    const folder = await mkdtemp(join(tmpdir(), 'rift-s3-'));
    const [data, sidecar] = [join(folder, 'data'), join(folder, 'sidecar')];
    await mkdir(data);
    await mkdir(sidecar);
    const port = await freePort();
    // Metadata beside the objects: not every folder for temporary files keeps extended attributes.
    const child = spawn(command, ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--sidecar', sidecar, data], {
      env: { ROOT_ACCESS_KEY: S3Server.access, ROOT_SECRET_KEY: S3Server.secret },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const giveUpAt = performance.now() + START_MS;
    while (!(await listens(port))) {
      if (child.exitCode !== null || performance.now() > giveUpAt) throw new Error(`the S3 server did not start: ${errors}`);
      await sleep(50);
    }
    return new S3Server(`http://127.0.0.1:${port}`, async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      await rm(folder, { recursive: true, force: true });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
