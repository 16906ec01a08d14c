import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DOMAIN = 'rift.svc.cluster.local';

/** Why this machine cannot make network namespaces; undefined where it can. */
export function noNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = `rift-try-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status !== 0) return `network namespaces cannot be made: ${made.error?.message ?? made.stderr.trim()}`;
  spawnSync('ip', ['netns', 'del', name]);
  return undefined;
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** A process in a network namespace of its own, with an address that others know by DNS. */
export class Pod {
  output = '';
  readonly #child: ChildProcess;

  constructor(
    readonly address: string,
    namespace: string,
    script: string,
    args: readonly string[],
    settings: Readonly<Record<string, string>>,
  ) {
    const { PATH = '' } = process.env;
    this.#child = spawn('ip', ['netns', 'exec', namespace, process.execPath, script, ...args], {
      env: { PATH, HOME: '/root', OMP_WAIT_POLICY: 'PASSIVE', ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  /** Resolves when the process has said this. */
  async said(pattern: RegExp, withinMs: number): Promise<void> {
    const until = Date.now() + withinMs;
    while (!pattern.test(this.output)) {
      if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode}:\n${this.output.slice(-4000)}`);
      if (Date.now() > until) throw new Error(`it did not say ${pattern} within ${withinMs} ms:\n${this.output.slice(-4000)}`);
      await sleep(50);
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async ended(): Promise<number | NodeJS.Signals | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode ?? this.#child.signalCode;
  }
}

/** A network of pods with a name server, as a cluster gives it to services. */
export class PodNetwork implements AsyncDisposable {
  readonly #id = `rift${process.pid % 10_000}`;
  readonly #namespaces: string[] = [];
  readonly #pods: Pod[] = [];
  readonly #names = new Map<string, Set<string>>();
  readonly #table: string;
  #last = 2;

  private constructor(folder: string) {
    this.#table = join(folder, 'names.json');
  }

  static async create(folder: string): Promise<PodNetwork> {
    const network = new PodNetwork(folder);
    network.#publish();
    ip('link', 'add', network.#id, 'type', 'bridge');
    ip('link', 'set', network.#id, 'up');
    const dns = network.pod('dns', join(ROOT, 'test/dist/support/dns-server.js'), {}, [network.#address(3), network.#table]);
    await dns.said(/ready/, 30_000);
    return network;
  }

  #address(host: number): string {
    return `10.77.${process.pid % 250}.${host}`;
  }

  /** Starts a process in a namespace of its own. @param name becomes part of the namespace's name */
  pod(name: string, script: string, settings: Readonly<Record<string, string>>, args: readonly string[] = []): Pod {
    this.#last += 1;
    const host = this.#last;
    const namespace = `${this.#id}-${name}`;
    const link = `${this.#id}v${host}`;
    mkdirSync(join('/etc/netns', namespace), { recursive: true });
    const resolver = `nameserver ${this.#address(3)}\nsearch ${DOMAIN} svc.cluster.local cluster.local\noptions ndots:5 timeout:1\n`;
    writeFileSync(join('/etc/netns', namespace, 'resolv.conf'), resolver);
    ip('netns', 'add', namespace);
    this.#namespaces.push(namespace);
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    ip('link', 'set', link, 'master', this.#id, 'up');
    ip('-n', namespace, 'addr', 'add', `${this.#address(host)}/24`, 'dev', 'eth0');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    const pod = new Pod(this.#address(host), namespace, script, args, settings);
    this.#pods.push(pod);
    return pod;
  }

  /** Adds a pod to a Service, as the cluster does when it becomes ready. */
  join(service: string, { address }: Pod): void {
    this.#names.set(service, (this.#names.get(service) ?? new Set()).add(address));
    this.#publish();
  }

  /** Takes a pod away from a Service. */
  leave(service: string, { address }: Pod): void {
    this.#names.get(service)?.delete(address);
    this.#publish();
  }

  #publish(): void {
    const names = Object.fromEntries([...this.#names].map(([service, addresses]) => [`${service}.${DOMAIN}`, [...addresses]]));
    writeFileSync(`${this.#table}.part`, JSON.stringify(names));
    renameSync(`${this.#table}.part`, this.#table);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pod of this.#pods.toReversed()) pod.kill('SIGTERM');
    await Promise.race([Promise.all(this.#pods.map((pod) => pod.ended())), sleep(40_000)]);
    for (const pod of this.#pods) pod.kill('SIGKILL');
    for (const namespace of this.#namespaces) {
      spawnSync('ip', ['netns', 'del', namespace]);
      rmSync(join('/etc/netns', namespace), { recursive: true, force: true });
    }
    spawnSync('ip', ['link', 'del', this.#id]);
  }
}
