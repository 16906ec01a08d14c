import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chown, mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { findPostgresBinaries, type PostgresBinaries } from './binaries.js';
import { asServerUser, findServerUser, type ServerUser } from './server-user.js';

/** Owner of the cluster and name of the database inside it. */
const ROLE = 'rift';
const PASSWORD_FILE = 'rift-password';
const START_TIMEOUT_SECONDS = 60;
const STOP_TIMEOUT_SECONDS = 20;
const TAKE_OVER_TIMEOUT_MS = 10_000;
const LEFTOVERS_TIMEOUT_MS = 10_000;
const CONNECT_TRIES = 50;
const CONNECT_PAUSE_MS = 100;

/** A running PostgreSQL server under the state folder. */
export interface EmbeddedPostgres {
  /** Connection string over the server's Unix socket; nothing listens on the network. */
  readonly url: string;
  /** Whether a server that outlived an earlier process was found and taken over. */
  readonly reused: boolean;
  /** Starts the server again where its process is gone. @returns whether it was */
  revive(): Promise<boolean>;
  /** Stops the server; connections that are still open are ended. */
  stop(): Promise<void>;
}

interface Cluster {
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser | undefined;
  readonly folder: string;
  readonly data: string;
  readonly socketFolder: string;
}

/**
 * Starts the PostgreSQL that npm brought, with its data under `folder`, or takes over the one that already runs there because
 * it outlived a process that was killed.
 *
 * The server belongs to nobody's process group, so that Ctrl-C reaches this process alone and runs can drain before the
 * database goes. Clients are let in over a Unix socket only, with a random password kept in the data folder.
 *
 * @param folder state folder of the database; made when missing.
 * @throws Error when the server does not come up; the message ends with the tail of its log.
 */
export async function startEmbeddedPostgres(folder: string): Promise<EmbeddedPostgres> {
  const binaries = await findPostgresBinaries();
  const user = await findServerUser();
  const root = resolve(folder);
  await mkdir(root, { recursive: true, mode: 0o700 });
  if (user) await chown(root, user.uid, user.gid);
  const cluster: Cluster = { binaries, user, folder: root, data: join(root, 'data'), socketFolder: socketFolderOf(root) };

  await initialise(cluster);
  const url = await connectionUrl(cluster);
  const reused = await takeOver(cluster, url);
  if (!reused) await start(cluster, url);
  return { url, reused, revive: () => revive(cluster, url), stop: () => stop(cluster) };
}

async function revive(cluster: Cluster, url: string): Promise<boolean> {
  if (await serverLives(cluster)) return false;
  await start(cluster, url);
  return true;
}

/** A socket's path may hold 107 bytes only, so it lies in the system's temporary folder under a short name of the state folder. */
function socketFolderOf(root: string): string {
  return join(tmpdir(), `rift-pg-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`);
}

async function connectionUrl(cluster: Cluster): Promise<string> {
  const password = (await readFile(join(cluster.data, PASSWORD_FILE), 'utf8')).trim();
  return `postgresql://${ROLE}:${password}@localhost/${ROLE}?host=${encodeURIComponent(cluster.socketFolder)}`;
}

/** Makes the cluster in a folder beside its place and moves it there, so that a kill never leaves half a cluster. */
async function initialise(cluster: Cluster): Promise<void> {
  if (await exists(join(cluster.data, 'PG_VERSION'))) return;
  for (const name of await readdir(cluster.folder)) {
    if (name.startsWith('new-')) await rm(join(cluster.folder, name), { recursive: true, force: true });
  }
  const fresh = join(cluster.folder, `new-data-${process.pid}`);
  const passwordFile = join(cluster.folder, `new-password-${process.pid}`);
  await mkdir(fresh, { mode: 0o700 });
  await writeFile(passwordFile, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 });
  if (cluster.user) {
    await chown(fresh, cluster.user.uid, cluster.user.gid);
    await chown(passwordFile, cluster.user.uid, cluster.user.gid);
  }
  const args = [
    `--pgdata=${fresh}`,
    `--username=${ROLE}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
  ];
  await runAsServer(cluster, cluster.binaries.initdb, args);
  await rename(passwordFile, join(fresh, PASSWORD_FILE));
  await rename(fresh, cluster.data);
}

/**
 * Waits for a server that already runs here, which may just be starting or going down. One that lives and cannot be reached
 * (its socket was swept out of the temporary folder) is stopped.
 *
 * @returns whether a server is there and answers.
 */
async function takeOver(cluster: Cluster, url: string): Promise<boolean> {
  const deadline = Date.now() + TAKE_OVER_TIMEOUT_MS;
  while (await serverLives(cluster)) {
    if (await answers(url)) return true;
    if (Date.now() > deadline) {
      await stop(cluster);
      return false;
    }
    await setTimeout(100);
  }
  return false;
}

/** Whether the process named in the cluster's lock file exists. */
async function serverLives(cluster: Cluster): Promise<boolean> {
  const lock = await readFile(join(cluster.data, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(lock, 10);
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether a server is there, takes the password and has the database. */
async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function start(cluster: Cluster, url: string): Promise<void> {
  await prepareSocketFolder(cluster);
  const settings = {
    listen_addresses: '',
    unix_socket_directories: cluster.socketFolder,
    unix_socket_permissions: '0700',
    max_connections: '60',
    shared_buffers: '64MB',
  };
  const options = Object.entries(settings)
    .map(([name, value]) => `-c ${name}='${value}'`)
    .join(' ');
  const log = join(cluster.folder, 'postgres.log');
  await rename(log, `${log}.1`).catch(() => undefined);
  // pg_ctl removes what a killed server left behind (postmaster.pid of a process that is gone) and waits until it accepts clients.
  const args = ['start', '-D', cluster.data, '-l', log, '-w', '-t', String(START_TIMEOUT_SECONDS), '-o', options];
  const giveUpAt = Date.now() + LEFTOVERS_TIMEOUT_MS;
  for (;;) {
    try {
      await runAsServer(cluster, cluster.binaries.pgCtl, args);
      break;
    } catch (cause) {
      const end = await tail(log);
      // Children of a server that was killed take a moment to notice; they hold its shared memory until then.
      const waits = /still in use/.test(end) && Date.now() < giveUpAt;
      if (!waits) throw new Error(`PostgreSQL in ${cluster.folder} did not start. Its log ends with:\n${end}`, { cause });
      await setTimeout(200);
    }
  }
  await createDatabase(url);
}

async function prepareSocketFolder(cluster: Cluster): Promise<void> {
  await mkdir(cluster.socketFolder, { recursive: true, mode: 0o700 });
  const found = await stat(cluster.socketFolder);
  const owner = cluster.user?.uid ?? process.getuid?.();
  if (cluster.user && found.uid === 0) await chown(cluster.socketFolder, cluster.user.uid, cluster.user.gid);
  else if (found.uid !== owner) {
    throw new Error(
      `The folder ${cluster.socketFolder} belongs to another account (uid ${found.uid}): remove it, or set TMPDIR to a folder of yours.`,
    );
  }
}

async function createDatabase(url: string): Promise<void> {
  const admin = new URL(url);
  admin.pathname = '/postgres';
  const client = await connectedClient(admin.href);
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [ROLE]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(ROLE)}`);
  } finally {
    await client.end();
  }
}

/** Clients that waited for the server all come at once: its queue may be full for a moment. */
async function connectedClient(url: string): Promise<pg.Client> {
  for (let tries = 1; ; tries += 1) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (tries === CONNECT_TRIES || (error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await setTimeout(CONNECT_PAUSE_MS);
    }
  }
}

async function stop(cluster: Cluster): Promise<void> {
  const args = ['stop', '-D', cluster.data, '-m', 'fast', '-w', '-t', String(STOP_TIMEOUT_SECONDS)];
  try {
    await runAsServer(cluster, cluster.binaries.pgCtl, args);
  } catch (error) {
    if (await exists(join(cluster.data, 'postmaster.pid'))) throw error;
  }
}

/** Runs one of PostgreSQL's programs to its end; its output goes to a file, which a server left running may keep open. */
async function runAsServer(cluster: Cluster, file: string, args: readonly string[]): Promise<void> {
  const command = await asServerUser(cluster.user, file, args, [file, cluster.folder]);
  const outputPath = join(cluster.folder, 'pg-tool.log');
  const output = await open(outputPath, 'w', 0o600);
  try {
    const code = await new Promise<number | null>((done, failed) => {
      const child = spawn(command.file, command.args, {
        ...(command.uid === undefined ? {} : { uid: command.uid, gid: command.gid }),
        cwd: '/',
        detached: true,
        stdio: ['ignore', output.fd, output.fd],
      });
      child.once('error', failed);
      child.once('exit', done);
    });
    if (code !== 0) throw new Error(`${file} ${args[0] ?? ''} ended with code ${code ?? 'none'}: ${await tail(outputPath)}`);
  } finally {
    await output.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function tail(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-12).join('\n');
}
