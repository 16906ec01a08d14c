// One measurement is one fresh process that says how long its work took.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/**
 * @param {{root: string, python: string, inputs: string, threads: number}} place
 * @param {object} side of a row
 * @returns {Promise<{seconds: number, images: number, peakMiB?: number, accuracy?: number, mrc?: Record<string, number>, loss?: number}>}
 */
export async function measure(place, side) {
  const { inputs, threads } = place;
  const task = {
    ...side,
    threads: side.threads ?? threads,
    network: side.network && join(inputs, `${side.network}.safetensors`),
    images: side.task === 'train' ? join(inputs, 'train.safetensors') : join(inputs, 'test.safetensors'),
    ...(side.task === 'criticality' && { adversarialSet: join(inputs, `adversarial-${side.images}.safetensors`), images: side.images }),
  };
  if (side.copies === undefined) return run(place, task);
  // The same work cut into equal parts, one process each; done when the last one is.
  const parts = Array.from({ length: side.copies }, (_, part) => ({ ...task, part, copies: side.copies }));
  const results = await Promise.all(parts.map((part) => run(place, part)));
  return { ...results[0], seconds: Math.max(...results.map(({ seconds }) => seconds)) };
}

/**
 * Runs a script of this folder that measures both sides itself, because they share a process or start several.
 * @param {{root: string}} place
 * @param {{script: string}} row
 * @returns {Promise<object>}
 */
export async function measureByScript({ root }, { script, args }) {
  return JSON.parse(
    await output(process.execPath, [join(root, 'bench', script), ...args], { cwd: root, input: '', env: process.env, what: script }),
  );
}

async function run({ root, python }, task) {
  const [command, script] = task.side === 'ours' ? [process.execPath, 'bench/ours.mjs'] : [python, 'bench/peers/run.py'];
  // How idle threads wait is each side's own default: the peers spin, as GNU OpenMP does; the engine's sleep.
  const env = { ...process.env, OMP_NUM_THREADS: String(task.threads) };
  const written = await output(command, [join(root, script)], {
    cwd: root,
    input: JSON.stringify(task),
    env,
    what: `${task.name} of ${task.task}`,
  });
  // Libraries may greet on standard output; the result is its last line.
  return JSON.parse(written.trim().split('\n').at(-1));
}

async function output(command, args, { cwd, input, env, what }) {
  const child = spawn(command, args, { env, cwd, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(input);
  const ended = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  const written = await text(child.stdout);
  const code = await ended;
  if (code !== 0) throw new Error(`${what} ended with exit code ${code}`);
  return written;
}
