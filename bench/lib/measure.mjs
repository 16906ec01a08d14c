// One measurement is one fresh process that says how long its work took.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/**
 * @param {{root: string, python: string, inputs: string, threads: number}} place
 * @param {object} side of a row
 * @returns {Promise<{seconds: number, images: number, peakMiB: number, accuracy?: number, mrc?: Record<string, number>, loss?: number}>}
 */
export async function measure(place, side) {
  const { root, python, inputs, threads } = place;
  const task = {
    ...side,
    threads,
    network: side.network && join(inputs, `${side.network}.safetensors`),
    images: side.task === 'train' ? join(inputs, 'train.safetensors') : join(inputs, 'test.safetensors'),
    ...(side.task === 'criticality' && { adversarialSet: join(inputs, `adversarial-${side.images}.safetensors`), images: side.images }),
  };
  const [command, script] = side.side === 'ours' ? [process.execPath, 'bench/ours.mjs'] : [python, 'bench/peers/run.py'];
  // One rule of waiting for both: threads that find nothing to do sleep.
  const env = { ...process.env, OMP_WAIT_POLICY: 'PASSIVE', OMP_NUM_THREADS: String(threads) };
  const child = spawn(command, [join(root, script)], { env, cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(task));
  const ended = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  const output = await text(child.stdout);
  const code = await ended;
  if (code !== 0) throw new Error(`${side.name} of ${side.task} ended with exit code ${code}`);
  // Libraries may greet on standard output; the result is its last line.
  return JSON.parse(output.trim().split('\n').at(-1));
}
