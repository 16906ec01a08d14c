// Loads one real orchestrator and its PostgreSQL with workers that wait instead of computing.
//   cluster: 100 workers, 1,000 runs of 8 units: what the orchestrator and the database cost, and how long calls take
//   load:    50 queued runs and 200 open WatchRun streams, a third of which break off and come back: memory, lost events
// Usage: npm run bench:cluster -- [--workers 100] [--runs 1000] [--delay 1000] [--only cluster|load] [--out FILE]
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { RunServiceConstructor } from '@rift/contracts';
import pg from 'pg';

import { startEmbeddedPostgres } from '../services/orchestrator/dist/postgres/embedded-postgres.js';
import { Harness } from '../services/orchestrator/dist/testing/harness.js';
import { someSettings } from '../services/orchestrator/dist/testing/messages.js';
import { faultsOf, follow } from '../services/orchestrator/dist/testing/readers.js';

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '100' },
    runs: { type: 'string', default: '1000' },
    delay: { type: 'string', default: '1000' },
    only: { type: 'string' },
    out: { type: 'string' },
  },
});
const STAGES = new Set(['craft', 'criticality', 'before']);
const STREAMS = 200;
const QUEUED = 50;
const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const note = (text) => process.stderr.write(`${text}\n`);

/** Fields of /proc/PID/stat from the state on. */
const statOf = (pid) => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
};

/** Seconds of processor time of a process, and of the children it has waited for. */
const secondsOf = (pid) => {
  const fields = statOf(pid);
  return fields === undefined ? 0 : fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
};

/** Seconds of processor time of a server and all its children, living and ended. */
const familySeconds = (parent) => {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && statOf(name)?.[1] === String(parent));
  return secondsOf(parent) + children.reduce((sum, pid) => sum + secondsOf(pid), 0);
};

const rssOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

/** Median, 95th percentile and maximum, to a tenth of a millisecond. */
const spread = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (share) => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN) * 10) / 10;
  return { count: sorted.length, median: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
};

async function databaseState(client) {
  const { rows } = await client.query(
    `SELECT xact_commit::float8 AS commits, (tup_inserted + tup_updated + tup_deleted)::float8 AS writes,
            pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS wal, pg_database_size(current_database())::float8 AS bytes
     FROM pg_stat_database WHERE datname = current_database()`,
  );
  return rows[0];
}

/** Starts an orchestrator with workers and follows what it and its database cost. */
async function measured(workers, delay, work) {
  const harness = await Harness.start(workers, { RIFT_JOBS_PER_WORKER: '1', RIFT_MAX_ACTIVE_RUNS: '5000', RIFT_LOG_LEVEL: 'info' });
  const { url } = await startEmbeddedPostgres(join(harness.home, 'postgres'));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const idle = harness.workers.map(() => undefined);
    const gaps = [];
    harness.workers.forEach((worker, index) => {
      Object.assign(worker.behaviour, { capacity: 1, delayMs: delay });
      // The time from the end of one job to the start of the next: what the orchestrator and the database take in between.
      worker.behaviour.fate = () => {
        const now = performance.now();
        if (idle[index] !== undefined) gaps.push(now - idle[index]);
        idle[index] = now + delay;
        return undefined;
      };
    });
    const server = Number.parseInt(readFileSync(join(harness.home, 'postgres', 'data', 'postmaster.pid'), 'utf8'), 10);
    const before = { database: await databaseState(client), orchestrator: secondsOf(harness.pid), server: familySeconds(server) };
    const rss = [rssOf(harness.pid)];
    const sampling = setInterval(() => rss.push(rssOf(harness.pid)), 250);
    const began = performance.now();
    const found = await work(harness).finally(() => clearInterval(sampling));
    const seconds = (performance.now() - began) / 1000;
    const after = await databaseState(client);
    const units = harness.workers.reduce(
      (sum, worker) => sum + worker.calls.filter(({ state, context }) => state === 'done' && context.workKey !== '').length,
      0,
    );
    const each = (value) => Math.round((value / seconds) * 10) / 10;
    const cpu = { orchestrator: secondsOf(harness.pid) - before.orchestrator, database: familySeconds(server) - before.server };
    return {
      seconds: Math.round(seconds * 10) / 10,
      units,
      unitsPerSecond: each(units),
      idealSeconds: Math.round((units * delay) / workers / 100) / 10,
      orchestrator: {
        cpuSeconds: Math.round(cpu.orchestrator * 10) / 10,
        cpuShare: Math.round((cpu.orchestrator / seconds) * 100) / 100,
        cpuMsPerUnit: Math.round((cpu.orchestrator / units) * 10_000) / 10,
        rssMiB: { start: Math.round(rss[0]), peak: Math.round(Math.max(...rss)), end: Math.round(rss.at(-1)) },
      },
      database: {
        cpuSeconds: Math.round(cpu.database * 10) / 10,
        cpuShare: Math.round((cpu.database / seconds) * 100) / 100,
        commitsPerSecond: each(after.commits - before.database.commits),
        rowsWrittenPerSecond: each(after.writes - before.database.writes),
        walMiB: Math.round((after.wal - before.database.wal) / 2 ** 20),
        sizeMiB: Math.round(after.bytes / 2 ** 20),
      },
      gapBetweenJobsMs: spread(gaps),
      ...found,
    };
  } finally {
    await client.end();
    await harness.close();
  }
}

async function createRuns(harness, count) {
  const { plan } = await harness.peer.unary(RunServiceConstructor.service.ExpandPlan, { settings: someSettings() });
  const small = { stages: plan.stages.filter(({ id }) => STAGES.has(id)) };
  const ids = [];
  const latencies = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (next < count) {
        const seed = (next += 1);
        const since = performance.now();
        const run = await harness.create({ seed, noCache: true }, small);
        latencies.push(performance.now() - since);
        ids.push(run.id);
      }
    }),
  );
  return { ids, latencies };
}

async function untilAllEnded(harness, latencies) {
  const { ListRuns } = RunServiceConstructor.service;
  for (;;) {
    const since = performance.now();
    const { runs } = await harness.peer.unary(ListRuns, { pageSize: 1, state: 'RUN_STATE_RUNNING' });
    const { runs: queued } = await harness.peer.unary(ListRuns, { pageSize: 1, state: 'RUN_STATE_QUEUED' });
    latencies.push((performance.now() - since) / 2);
    if (runs.length + queued.length === 0) return;
    await sleep(200);
  }
}

async function countBad(harness, ids) {
  let bad = 0;
  for (const id of ids) if ((await harness.get(id)).state !== 'RUN_STATE_SUCCEEDED') bad += 1;
  return bad;
}

async function cluster(workers, runs, delay) {
  return measured(workers, delay, async (harness) => {
    const { ids, latencies } = await createRuns(harness, runs);
    note(`${ids.length} runs created`);
    const asking = [];
    await untilAllEnded(harness, asking);
    return {
      workers,
      runs,
      delayMs: delay,
      failed: await countBad(harness, ids),
      createRunMs: spread(latencies),
      listRunsMs: spread(asking),
    };
  });
}

async function load() {
  return measured(4, 100, async (harness) => {
    const { ids, latencies } = await createRuns(harness, QUEUED);
    let comebacks = 0;
    const readers = Array.from({ length: STREAMS }, async (_, index) => {
      const id = ids[index % ids.length];
      const breaksAfter = index % 3 === 0 ? 4 : 0;
      const seen = await follow(harness, id, { breaksAfter, pauseMs: index % 10 === 0 ? 200 : 0 });
      if (breaksAfter > 0) comebacks += Math.floor(seen.length / breaksAfter);
      return { id, seen };
    });
    const all = await Promise.all(readers);
    let events = 0;
    let lost = 0;
    const logs = new Map();
    for (const { id, seen } of all) {
      if (!logs.has(id)) logs.set(id, await follow(harness, id, { breaksAfter: 0, pauseMs: 0 }));
      const kept = logs.get(id).filter((event) => event.event !== 'stage' || event.stage.state !== 'RUN_STATE_RUNNING');
      lost += faultsOf(seen, kept).length;
      events += seen.length;
    }
    return {
      runs: QUEUED,
      streams: STREAMS,
      comebacks,
      events,
      lost,
      failed: await countBad(harness, ids),
      createRunMs: spread(latencies),
    };
  });
}

const result = {
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    note: 'workers, orchestrator, database and readers share the cores',
  },
  ...(values.only === 'load' ? {} : { cluster: await cluster(Number(values.workers), Number(values.runs), Number(values.delay)) }),
  ...(values.only === 'cluster' ? {} : { load: await load() }),
};
const text = `${JSON.stringify(result, null, 2)}\n`;
if (values.out !== undefined) writeFileSync(values.out, text);
process.stdout.write(text);
