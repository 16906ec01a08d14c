import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const GRPCURL = { module: 'github.com/fullstorydev/grpcurl', package: 'github.com/fullstorydev/grpcurl/cmd/grpcurl', version: 'v1.9.3' };
const KUSTOMIZE = { module: 'sigs.k8s.io/kustomize/kustomize/v5', version: 'v5.7.1' };
/** Its version is the newest Kubernetes that it knows the schemas of. */
const VALIDATOR = { package: 'kubernetes-validate', version: '1.37.0' };
const MINUTE = 60_000;

/** The Kubernetes version whose schemas the manifests must fit. */
export const KUBERNETES_VERSION = VALIDATOR.version;

/** Folder of the tools that tests fetch, shared by all checkouts. */
export const TOOLS = join(process.env['RIFT_CACHE'] ?? join(homedir(), '.cache', 'rift'), 'tools');

/** A command line to which arguments are added. */
export type Command = readonly [string, ...string[]];

/** A tool, or why this machine cannot have it. */
export type Found = { readonly command: Command } | { readonly missing: string };

function works(command: Command, ...args: string[]): boolean {
  const [program, ...first] = command;
  return spawnSync(program, [...first, ...args], { encoding: 'utf8', timeout: MINUTE }).status === 0;
}

function ran(program: string, args: readonly string[], timeout: number, env: NodeJS.ProcessEnv = {}): string | undefined {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout, env: { ...process.env, ...env } });
  return status === 0 ? undefined : `${error?.message ?? ''}${stderr ?? ''}`.trim().split('\n').at(-1);
}

/** The Go compiler: on the path, or where its archive is usually unpacked. */
export function findGo(): string | undefined {
  return ['go', '/usr/local/go/bin/go'].find((program) => works([program], 'version'));
}

/**
 * Builds a command of a Go module once and keeps it.
 *
 * @param path import path of the command; the root of the module by default
 */
export function goTool(name: string, module: string, version: string, path: string = module): Found {
  const folder = join(TOOLS, `${name}-${version}`);
  const command = join(folder, name);
  if (existsSync(command)) return { command: [command] };
  const go = findGo();
  if (go === undefined) return { missing: `${name} ${version} needs Go to be built (go.dev/doc/install)` };
  const work = `${folder}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  // As a dependency: `go install` refuses modules that replace others for their own development.
  writeFileSync(join(work, 'go.mod'), `module tool\n\ngo 1.26.0\n\nrequire ${module} ${version}\n`);
  const flags = ['-mod=mod', '-trimpath', '-ldflags=-s -w'];
  const failure = ran(go, ['-C', work, 'build', ...flags, '-o', name, path], 30 * MINUTE, { CGO_ENABLED: '0' });
  if (failure === undefined && !existsSync(command)) {
    mkdirSync(folder, { recursive: true });
    renameSync(join(work, name), command);
  }
  rmSync(work, { recursive: true, force: true });
  return failure === undefined ? { command: [command] } : { missing: `${name} ${version} could not be built: ${failure}` };
}

/** grpcurl as it is installed, or built from its Go module. */
export function findGrpcurl(): Found {
  if (works(['grpcurl'], '-version')) return { command: ['grpcurl'] };
  return goTool('grpcurl', GRPCURL.module, GRPCURL.version, GRPCURL.package);
}

/** kustomize as it is installed, as kubectl carries it, or built from its Go module. */
export function findKustomize(): Found {
  const own = goBuilt();
  if (own !== undefined) return own;
  if (works(['kustomize'], 'version')) return { command: ['kustomize', 'build'] };
  if (works(['kubectl', 'kustomize'], '--help')) return { command: ['kubectl', 'kustomize'] };
  const built = goTool('kustomize', KUSTOMIZE.module, KUSTOMIZE.version);
  if ('command' in built) return { command: [built.command[0], 'build'] };
  return { missing: `${built.missing}; kustomize or kubectl on the path would do as well` };
}

function goBuilt(): Found | undefined {
  const command = join(TOOLS, `kustomize-${KUSTOMIZE.version}`, 'kustomize');
  return existsSync(command) ? { command: [command, 'build'] } : undefined;
}

/** kubernetes-validate, in a Python environment of its own. */
export function findValidator(): Found {
  const folder = join(TOOLS, `${VALIDATOR.package}-${VALIDATOR.version}`);
  const command = join(folder, 'bin', 'kubernetes-validate');
  if (works([command], '--version')) return { command: [command] };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(TOOLS, { recursive: true });
  const failure =
    ran('python3', ['-m', 'venv', folder], 2 * MINUTE) ??
    ran(
      join(folder, 'bin', 'python'),
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `${VALIDATOR.package}==${VALIDATOR.version}`],
      3 * MINUTE,
    );
  return failure === undefined
    ? { command: [command] }
    : { missing: `${VALIDATOR.package} ${VALIDATOR.version} could not be installed: ${failure}` };
}
