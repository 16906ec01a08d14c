// What the machine must bring along, and how to get what it lacks.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { SetupError } from './run.mjs';

const HINTS = {
  node: {
    debian: 'Debian 12 packages Node 18, too old: install Node 20 or newer from nodejs.org or with nvm',
    fedora: 'sudo dnf install nodejs',
    macos: 'brew install node',
    other: 'install Node 20 or newer from nodejs.org',
  },
  rust: {
    debian: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh",
    fedora: 'sudo dnf install cargo   (or rustup, see https://rustup.rs)',
    macos: 'brew install rust   (or rustup, see https://rustup.rs)',
    other: 'see https://rustup.rs',
  },
  compiler: {
    debian: 'sudo apt-get install build-essential',
    fedora: 'sudo dnf install gcc-c++',
    macos: 'xcode-select --install',
    other: 'install GCC 9 or newer, or Clang 9 or newer, with its C++ part',
  },
  python: {
    debian: 'sudo apt-get install python3 python3-pip',
    fedora: 'sudo dnf install python3 python3-pip',
    macos: 'brew install python',
    other: 'install Python 3.8 or newer with pip',
  },
};

/** Which of the hint columns speaks of this machine. */
export function systemFamily(platform = process.platform, readRelease = () => readFileSync('/etc/os-release', 'utf8')) {
  if (platform === 'darwin') return 'macos';
  try {
    const ids = [...readRelease().matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap((match) => (match[1] ?? '').split(' '));
    if (ids.some((id) => id === 'debian' || id === 'ubuntu')) return 'debian';
    if (ids.some((id) => id === 'fedora' || id === 'rhel')) return 'fedora';
  } catch {
    // Without the file the general hint is the right one.
  }
  return 'other';
}

/** The environment the tools run in: rustup's folder is on the path even where the login shell has not put it there. */
export function toolEnvironment(environment = process.env) {
  const env = { ...environment };
  const cargoBin = join(env.CARGO_HOME ?? join(homedir(), '.cargo'), 'bin');
  if (existsSync(cargoBin)) env.PATH = `${env.PATH ?? ''}${delimiter}${cargoBin}`;
  return env;
}

function versionOf(command, args, env) {
  const result = spawnSync(command, args, { env, encoding: 'utf8' });
  if (result.error || result.status !== 0) return undefined;
  return /(\d+)\.(\d+)(?:\.(\d+))?/.exec(`${result.stdout} ${result.stderr}`)?.slice(1, 3).map(Number);
}

const atLeast = (version, [major, minor]) => version !== undefined && (version[0] > major || (version[0] === major && version[1] >= minor));

/** The first C++ compiler that is there, `CXX` first. */
export function findCompiler(env) {
  return [env.CXX, 'c++', 'g++', 'clang++'].find((name) => name && versionOf(name, ['--version'], env) !== undefined);
}

/** Node is asked first and alone, before anything that needs a recent one is loaded. */
export function checkNode(version = process.versions.node) {
  const parsed = version.split('.').map(Number);
  if (atLeast(parsed, [20, 10])) return;
  throw new SetupError(`Node ${version} is too old to set this project up: 20.10 or newer is needed.\n  ${HINTS.node[systemFamily()]}`);
}

/**
 * Refuses, with everything that is missing in one message.
 * @param {NodeJS.ProcessEnv} env
 * @param {{python: boolean, native: boolean}} needs Python is needed only for fetching libtorch, the compilers only for building the addon
 */
export function checkTools(env, needs) {
  const missing = [];
  if (needs.native) {
    const cargo = versionOf('cargo', ['--version'], env);
    if (!atLeast(cargo, [1, 85])) missing.push(['rust', `Rust 1.85 or newer${cargo ? `, found ${cargo.join('.')}` : ''}`]);
    if (findCompiler(env) === undefined) missing.push(['compiler', 'a C++ compiler']);
  }
  if (needs.python && !atLeast(versionOf('python3', ['-m', 'pip', '--version'], env), [20, 3])) {
    missing.push(['python', 'Python 3 with pip 20.3 or newer (it fetches libtorch; not needed where LIBTORCH names one)']);
  }
  if (missing.length === 0) return;
  const family = systemFamily();
  const lines = missing.map(([key, what]) => `  - ${what}\n      ${HINTS[key][family]}`);
  throw new SetupError(`This machine lacks:\n${lines.join('\n')}\nInstall that and run the same command again.`);
}
