// Runs the commands of the set-up and shows how they get on: one live line on a terminal, a line now and then elsewhere.
import { spawn } from 'node:child_process';

/** Tools name the cause first (npm) or last (cargo): both ends of their output are kept. */
const KEPT_FIRST = 15;
const KEPT_LAST = 40;
const PLAIN_INTERVAL_MS = 15_000;

/** A failure the user can act on: its message is all that is printed, without a stack. */
export class SetupError extends Error {}

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/** Shows "[n/m] title" with the time and the latest detail; `done` replaces the live line by the result. */
export class StepView {
  #label;
  #since = Date.now();
  #detail = '';
  #timer;

  constructor(number, total, title, stream = process.stderr) {
    this.#label = `[${number}/${total}] ${title}`;
    this.stream = stream;
    if (!stream.isTTY) stream.write(`${this.#label}\n`);
    this.#timer = setInterval(() => this.#draw(), stream.isTTY ? 200 : PLAIN_INTERVAL_MS);
    this.#draw();
  }

  detail(text) {
    this.#detail = text;
  }

  #draw() {
    const line = `${this.#label}  ${seconds(this.#since)}  ${this.#detail}`;
    if (this.stream.isTTY) this.stream.write(`\r\x1b[2K${line.slice(0, (this.stream.columns ?? 100) - 1)}`);
    else if (Date.now() - this.#since >= PLAIN_INTERVAL_MS) this.stream.write(`${line}\n`);
  }

  #end(result) {
    clearInterval(this.#timer);
    this.stream.write(`${this.stream.isTTY ? '\r\x1b[2K' : ''}${this.#label}  ${result} (${seconds(this.#since)})\n`);
  }

  done() {
    this.#end('done');
  }

  failed() {
    this.#end('failed');
  }
}

/**
 * Runs a command to its end. Output is not shown but its latest line becomes the step's detail;
 * when the command fails, the first and last lines are in the error.
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, view?: StepView, describe?: (line: string) => string | undefined}} [options]
 * @returns {Promise<void>}
 */
export function run(command, args, { cwd, env, view, describe = (line) => line } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const first = [];
    const last = [];
    const keep = (line) => {
      if (first.length < KEPT_FIRST) first.push(line);
      else if (last.push(line) > KEPT_LAST) last.shift();
    };
    let rest = '';
    const take = (chunk) => {
      const lines = (rest + chunk).split(/[\r\n]+/);
      rest = lines.pop() ?? '';
      for (const line of lines.map((text) => text.trimEnd()).filter(Boolean)) {
        keep(line);
        const detail = describe(line.trim());
        if (detail !== undefined) view?.detail(detail);
      }
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.on('error', (error) => reject(new SetupError(`${command} cannot be started: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve();
      if (rest) keep(rest);
      reject(
        new SetupError(`${[command, ...args].join(' ')} ended with ${signal ?? `exit code ${code}`}:\n\n${[...first, ...last].join('\n')}`),
      );
    });
  });
}
