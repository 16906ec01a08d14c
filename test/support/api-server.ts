import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { parseAllDocuments, stringify } from 'yaml';

import { TOOLS, findGo, goTool, type Found } from './deploy-tools.js';

/** The newest minor version whose Go code the Go compilers in use build. */
export const API_VERSION = '1.36.0';
const ETCD = 'v3.6.5';
/** Where the definitions of the operators' kinds are: folders and files within Go modules. */
const CRDS = [
  { module: 'github.com/kedacore/keda/v2@v2.21.0', files: /^config\/crd\/bases\/.*\.yaml$/ },
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    files: /^example\/prometheus-operator-crd\/monitoring\.coreos\.com_(servicemonitors|prometheusrules)\.yaml$/,
  },
  { module: 'sigs.k8s.io/gateway-api@v1.6.0', files: /^config\/crd\/standard\/.*grpcroutes\.yaml$/ },
  { module: 'sigs.k8s.io/kueue@v0.19.0', files: /^config\/components\/crd\/bases\/.*localqueues\.yaml$/ },
  { module: 'github.com/cert-manager/cert-manager@v1.19.1', files: /^deploy\/crds\/.*(certificates|issuers)\.yaml$/ },
] as const;

const HOUR = 3_600_000;

function go(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string | undefined {
  const program = findGo();
  if (program === undefined) return 'Go is needed (go.dev/doc/install)';
  const { status, stderr, error } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: HOUR,
    env: { ...process.env, ...env },
  });
  return status === 0 ? undefined : `go ${args.join(' ')}: ${error?.message ?? ''}${stderr.trim().split('\n').slice(-3).join(' / ')}`;
}

/** kube-apiserver, built once from its Go module (about ten processor minutes) and kept. */
export function findApiServer(): Found {
  const folder = join(TOOLS, `kube-apiserver-v${API_VERSION}`);
  const command = join(folder, 'kube-apiserver');
  if (existsSync(command)) return { command: [command] };
  const work = mkdtempSync(join(tmpdir(), 'rift-apiserver-'));
  try {
    const staging = API_VERSION.replace(/^1/, 'v0');
    writeFileSync(join(work, 'go.mod'), `module verify\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v${API_VERSION}\n`);
    const download = go(work, ['mod', 'download', `k8s.io/kubernetes@v${API_VERSION}`]);
    if (download !== undefined) return { missing: download };
    // Kubernetes names its libraries by folders of its own repository; as modules they have versions.
    const modules = spawnSync(findGo() ?? 'go', ['env', 'GOMODCACHE'], { encoding: 'utf8' }).stdout.trim();
    const manifest = readFileSync(join(modules, 'cache/download/k8s.io/kubernetes/@v', `v${API_VERSION}.mod`), 'utf8');
    const libraries = [...manifest.matchAll(/^\t(k8s\.io\/\S+) => \.\/staging/gm)].map(
      ([, name = '']) => `\t${name} => ${name} ${staging}\n`,
    );
    writeFileSync(join(work, 'go.mod'), `${readFileSync(join(work, 'go.mod'), 'utf8')}\nreplace (\n${libraries.join('')})\n`);
    const flags = ['-mod=mod', '-p', String(availableParallelism()), '-trimpath', '-ldflags=-s -w'];
    const failure = go(work, ['build', ...flags, '-o', join(work, 'kube-apiserver'), 'k8s.io/kubernetes/cmd/kube-apiserver'], {
      CGO_ENABLED: '0',
    });
    if (failure !== undefined) return { missing: failure };
    mkdirSync(folder, { recursive: true });
    spawnSync('mv', [join(work, 'kube-apiserver'), `${command}.part`]);
    renameSync(`${command}.part`, command);
    return { command: [command] };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** etcd, built once from its Go module and kept. */
export function findEtcd(): Found {
  return goTool('etcd', 'go.etcd.io/etcd/server/v3', ETCD);
}

/** The definitions of the operators' kinds, from their Go modules. */
export function operatorKinds(): { readonly kinds: readonly object[] } | { readonly missing: string } {
  const kinds: object[] = [];
  const work = mkdtempSync(join(tmpdir(), 'rift-crds-'));
  try {
    writeFileSync(join(work, 'go.mod'), 'module verify\n\ngo 1.26.0\n');
    for (const { module, files } of CRDS) {
      const { status, stdout, stderr } = spawnSync(findGo() ?? 'go', ['mod', 'download', '-json', module], {
        cwd: work,
        encoding: 'utf8',
        timeout: HOUR,
      });
      if (status !== 0) return { missing: `${module} cannot be downloaded: ${stderr || stdout}` };
      const { Dir: folder } = JSON.parse(stdout) as { Dir: string };
      const found = (readdirSync(folder, { recursive: true }) as string[]).filter((path) => files.test(path));
      if (found.length === 0) return { missing: `${module} has no file ${files.source}` };
      for (const path of found) {
        for (const document of parseAllDocuments(readFileSync(join(folder, path), 'utf8'))) {
          const kind = document.toJS() as { kind?: string } | null;
          if (kind?.kind === 'CustomResourceDefinition') kinds.push(kind);
        }
      }
    }
    return { kinds };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What the API server said. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Warnings, such as those of the pod security standard. */
  readonly warnings: readonly string[];
}

/** A kube-apiserver with its etcd, for nothing but this test. */
export class ApiServer implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    private readonly children: readonly ChildProcess[],
    private readonly port: number,
  ) {}

  /** Starts both and waits until the API answers. */
  static async start(apiserver: readonly string[], etcd: readonly string[]): Promise<ApiServer> {
    const folder = mkdtempSync(join(tmpdir(), 'rift-cluster-'));
    const [port, client, peer] = [await freePort(), await freePort(), await freePort()];
    const file = (name: string): string => join(folder, name);
    spawnSync('openssl', ['genrsa', '-out', file('accounts.key'), '2048']);
    writeFileSync(file('tokens.csv'), 'admin-token,admin,admin,"system:masters"\n');
    const start = (command: readonly string[], args: readonly string[]): ChildProcess =>
      spawn(command[0] ?? '', [...command.slice(1), ...args], { cwd: folder, stdio: 'ignore' });
    const database = start(etcd, [
      `--data-dir=${file('etcd')}`,
      `--listen-client-urls=http://127.0.0.1:${client}`,
      `--advertise-client-urls=http://127.0.0.1:${client}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      '--log-level=error',
    ]);
    const api = start(apiserver, [
      `--etcd-servers=http://127.0.0.1:${client}`,
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      `--cert-dir=${file('certificates')}`,
      `--service-account-key-file=${file('accounts.key')}`,
      `--service-account-signing-key-file=${file('accounts.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--token-auth-file=${file('tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.96.0.0/16',
      // No controller makes the service accounts that it would ask for.
      '--disable-admission-plugins=ServiceAccount',
      '--v=0',
    ]);
    const server = new ApiServer(folder, [api, database], port);
    const until = Date.now() + 120_000;
    for (;;) {
      const ready = await server.ask('GET', '/readyz').catch(() => undefined);
      if (ready?.status === 200) return server;
      if (Date.now() > until || api.exitCode !== null) {
        await server[Symbol.asyncDispose]();
        throw new Error(`kube-apiserver was not ready: ${ready?.body ?? `exit ${api.exitCode}`}`);
      }
      await sleep(250);
    }
  }

  /** Sends a request; a body is sent as YAML. */
  ask(method: string, path: string, body?: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: this.port,
          method,
          path,
          rejectUnauthorized: false,
          headers: { authorization: 'Bearer admin-token', ...(body === undefined ? {} : { 'content-type': 'application/yaml' }) },
        },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => {
            const warnings = [response.headers['warning'] ?? []].flat();
            resolve({ status: response.statusCode ?? 0, body: text, warnings });
          });
        },
      );
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : stringify(body, { aliasDuplicateObjects: false }));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.children) child.kill('SIGTERM');
    const ended = this.children.map(
      (child) => new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(0))),
    );
    await Promise.race([Promise.all(ended), sleep(10_000)]);
    for (const child of this.children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
