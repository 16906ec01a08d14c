import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A service as a process of its own. */
export class ServiceProcess {
  #output = '';

  private constructor(private readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  /** Starts `services/NAME` with the settings and nothing else from the environment. */
  static start(name: 'attacker' | 'trainer', settings: Record<string, string>): ServiceProcess {
    const main = fileURLToPath(new URL(`../../../services/${name}/dist/main.js`, import.meta.url));
    return new ServiceProcess(spawn(process.execPath, [main], { env: { ...settings }, stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  /** Everything the process wrote so far. */
  get output(): string {
    return this.#output;
  }

  /** The port of its gRPC API, once it listens. */
  async port(): Promise<number> {
    for (;;) {
      const port = /"grpcPort":(\d+)/.exec(this.#output)?.[1];
      if (port !== undefined) return Number(port);
      if (this.child.exitCode !== null) throw new Error(`it ended with ${this.child.exitCode}:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Its exit code, or the signal that ended it, and the milliseconds until then. */
  async ended(): Promise<{ end: number | NodeJS.Signals | null; ms: number }> {
    const since = performance.now();
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    return { end: this.child.exitCode ?? this.child.signalCode, ms: performance.now() - since };
  }
}
