// Makes a bare clone ready: `npm start` and `npm test` call this first. Node built-ins only, since nothing else is there yet.
// Each step is skipped while the fingerprint of what it was made from stands unchanged.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { Stamps, fingerprint } from './lib/fingerprint.mjs';
import { fetchFrost, frostLink, hasFrost } from './lib/frost.mjs';
import { fetchLibtorch, libtorchFolder, linkLibtorch, mustFetch } from './lib/libtorch.mjs';
import { SetupError, StepView, run } from './lib/run.mjs';
import { checkNode, checkTools, toolEnvironment } from './lib/toolchain.mjs';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const core = join(root, 'native', 'rift-core');
const addon = join(core, 'rift-core.node');
const node = join(root, 'node_modules', '.bin', 'node');
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** True when node_modules holds what the lock file says: npm leaves a copy of what it installed. */
function packagesAreInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed) || !existsSync(node)) return false;
  const wanted = readJson(join(root, 'package-lock.json')).packages;
  const found = readJson(installed).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || !path.includes('node_modules/')) return true;
    const there = found[path];
    return there === undefined ? entry.optional === true : there.version === entry.version;
  });
}

async function installPackages(env, view) {
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  const npm = env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  if (npm) await run(process.execPath, [npm, ...args], { cwd: root, env, view });
  else await run('npm', args, { cwd: root, env, view });
  if (!existsSync(node)) {
    throw new SetupError(
      'npm ci ended well but node_modules/.bin/node is missing: were install scripts switched off (npm config ignore-scripts)?',
    );
  }
}

async function buildAddon(env, view) {
  linkLibtorch(root, env);
  // The link above is what native/rift-core/.cargo/config.toml names; a second spelling of the same folder would rebuild everything.
  const cargoEnv = { ...env, CARGO_TERM_PROGRESS_WHEN: 'always', CARGO_TERM_PROGRESS_WIDTH: '100', CARGO_TERM_COLOR: 'never' };
  delete cargoEnv.LIBTORCH;
  const describe = (line) => /^(Building|Compiling|Downloading|Blocking)/.exec(line) && line;
  await run('cargo', ['build', '--release', '--locked', '-p', 'rift-core'], {
    cwd: core,
    env: cargoEnv,
    view,
    describe: (line) => describe(line) ?? undefined,
  });
  const built = join(core, 'target', 'release', process.platform === 'darwin' ? 'librift_core.dylib' : 'librift_core.so');
  const temporary = `${addon}.${process.pid}`;
  copyFileSync(built, temporary);
  renameSync(temporary, addon);
}

/** Workspaces that generate sources (types from proto/) have a script `generate`; then the whole project references graph is compiled. */
async function buildTypeScript(env, view) {
  const path = `${join(root, 'node_modules', '.bin')}:${env.PATH ?? ''}`;
  for (const folder of workspaceFolders()) {
    const script = readJson(join(folder, 'package.json')).scripts?.generate;
    if (script === undefined) continue;
    await run('sh', ['-c', script], { cwd: folder, env: { ...env, PATH: path }, view });
  }
  await run(node, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'], { cwd: root, env, view });
}

function workspaceFolders() {
  const { packages } = readJson(join(root, 'package-lock.json'));
  return Object.keys(packages)
    .filter((path) => path !== '' && !path.includes('node_modules/'))
    .map((path) => join(root, path));
}

const typeScriptIsBuilt = () => workspaceFolders().every((folder) => existsSync(join(folder, 'dist', '.tsbuildinfo')));

async function main() {
  checkNode();
  const env = toolEnvironment();
  const stamps = new Stamps(join(root, '.cache', 'setup.json'));
  const nativeInputs = ['Cargo.toml', 'Cargo.lock', 'build.rs', '.cargo', 'src', 'engine', 'torchscript'];
  const nativePrint = fingerprint(core, nativeInputs, /\.(rs|cpp|toml|lock)$/) + libtorchFolder(env);
  const scriptInputs = [
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.base.json',
    'packages',
    'services',
    'native/rift-core/ts',
    'native/rift-core/tsconfig.json',
    'test',
    'proto',
  ];
  const scriptPrint = fingerprint(root, scriptInputs, /(\.(ts|mts|proto|mjs)|package\.json|tsconfig\.json)$/);
  const libtorchLinked = () => existsSync(join(core, 'libtorch', 'lib'));

  const steps = [
    { title: 'Installing the npm packages', due: () => !packagesAreInstalled(), act: installPackages },
    { title: 'Fetching libtorch (540 MB, once per machine)', due: () => mustFetch(env), act: fetchLibtorch },
    {
      title: 'Building the engine (a few minutes the first time)',
      due: () => !existsSync(addon) || !libtorchLinked() || !stamps.isFresh('addon', nativePrint),
      act: buildAddon,
      done: () => stamps.set('addon', nativePrint),
    },
    {
      title: 'Compiling TypeScript',
      due: () => !typeScriptIsBuilt() || !stamps.isFresh('typescript', scriptPrint),
      act: buildTypeScript,
      done: () => stamps.set('typescript', scriptPrint),
    },
    {
      title: 'Fetching the published pictures of frost (2 MB, once per machine)',
      due: () => !hasFrost(frostLink(root)),
      act: () => fetchFrost(root, env),
      without: 'The corruption "frost" uses generated pictures until they are there, and its results say so.',
    },
  ];
  const due = steps.filter((step) => step.due());
  if (due.length === 0) return;
  checkTools(env, { python: due.includes(steps[1]), native: due.includes(steps[1]) || due.includes(steps[2]) });
  for (const [index, step] of due.entries()) {
    const view = new StepView(index + 1, due.length, step.title);
    try {
      await step.act(env, view);
    } catch (error) {
      view.failed();
      if (step.without === undefined) throw error;
      process.stderr.write(`${error.message.split('\n', 1)[0]}\n${step.without}\n`);
      continue;
    }
    step.done?.();
    view.done();
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = 1;
}
