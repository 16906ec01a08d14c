// `npm run verify:rest`: schemathesis asks the REST API what its OpenAPI document allows, against services of its own that are stopped again.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { cacheFolder } from './lib/cache.mjs';

const VERSION = '4.32.5';
const root = join(import.meta.dirname, '..');
const folder = join(cacheFolder(process.env), 'tools', `schemathesis-${VERSION}`);
const program = join(folder, 'bin', 'schemathesis');

function mustRun(command, args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}

if (!existsSync(program)) {
  mustRun('python3', ['-m', 'venv', folder]);
  mustRun(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `schemathesis==${VERSION}`]);
}

const home = mkdtempSync(join(tmpdir(), 'rift-rest-'));
const up = spawn(process.execPath, [join(root, 'packages', 'cli', 'dist', 'main.js'), 'up', '--json'], {
  env: { ...process.env, RIFT_HOME: home },
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const web = await new Promise((resolve, reject) => {
    let said = '';
    up.stdout.on('data', (chunk) => {
      said += chunk;
      if (said.includes('\n')) resolve(JSON.parse(said).web);
    });
    up.once('exit', (code) => reject(new Error(`rift up ended with ${code}`)));
  });
  // A schema cannot say every rule (that a name is registered, that settings and plan agree), so refusals of what it allows are no failure.
  const flags = [
    '--phases',
    'coverage,fuzzing',
    '-n',
    '20',
    '--seed',
    '1',
    '--max-time',
    '240',
    '--exclude-checks',
    'positive_data_acceptance',
  ];
  const { status } = spawnSync(program, ['run', `${web}/api/openapi.json`, '--url', web, '--generation-database', 'none', ...flags], {
    stdio: 'inherit',
    cwd: home,
  });
  process.exitCode = status ?? 1;
} finally {
  up.kill('SIGINT');
  await new Promise((resolve) => {
    if (up.exitCode !== null) resolve();
    else up.once('exit', resolve);
  });
  rmSync(home, { recursive: true, force: true });
}
