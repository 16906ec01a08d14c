import { X509Certificate } from 'node:crypto';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Gauge, type Registry } from 'prom-client';
import { type Readiness } from './readiness.js';

const SMI_TIMEOUT_MS = 3000;

/** 1 while the service can do work. */
export function readinessMetric(registry: Registry, readiness: Readiness): void {
  new Gauge({
    name: 'service_ready',
    help: '1 while the service can do work, else 0',
    registers: [registry],
    collect() {
      this.set(readiness.state.ready ? 1 : 0);
    },
  });
}

/** When the certificate in a file ends, read again at every scrape: renewed files show at once. */
export function certificateMetric(registry: Registry, file: string): void {
  new Gauge({
    name: 'tls_certificate_not_after_seconds',
    help: 'End of the certificate of this service, in seconds since the epoch; 0 when it cannot be read',
    registers: [registry],
    collect() {
      try {
        this.set(Date.parse(new X509Certificate(readFileSync(file)).validTo) / 1000);
      } catch {
        this.set(0);
      }
    },
  });
}

/** Memory of the GPUs that this process may see, as nvidia-smi tells it at every scrape; empty where there is none. */
export function gpuMetrics(registry: Registry): void {
  const labelNames = ['gpu'] as const;
  const total = new Gauge({ name: 'gpu_memory_total_bytes', help: 'Memory of the GPU', labelNames, registers: [registry] });
  let isThere = true;
  new Gauge({
    name: 'gpu_memory_used_bytes',
    help: 'Memory of the GPU that is in use, by whomever',
    labelNames,
    registers: [registry],
    async collect() {
      if (!isThere) return;
      try {
        for (const { gpu, used, all } of parseSmi(await smi())) {
          this.set({ gpu }, used);
          total.set({ gpu }, all);
        }
      } catch (error) {
        // Without the program there will be none later either; anything else may pass.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') isThere = false;
      }
    },
  });
}

async function smi(): Promise<string> {
  const query = ['--query-gpu=index,memory.used,memory.total', '--format=csv,noheader,nounits'];
  const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: SMI_TIMEOUT_MS });
  return stdout;
}

/** "0, 1024, 81559" a line, in mebibytes. */
export function parseSmi(output: string): { gpu: string; used: number; all: number }[] {
  return output
    .split('\n')
    .map((line) => line.split(',').map((part) => part.trim()))
    .filter((parts) => parts.length === 3 && parts.every((part) => /^\d+$/.test(part)))
    .map(([gpu = '', used, all]) => ({ gpu, used: Number(used) * 2 ** 20, all: Number(all) * 2 ** 20 }));
}
