import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseAllDocuments } from 'yaml';

import { findKustomize, type Command } from './deploy-tools.js';

/** Folder of the manifests. */
export const K8S = fileURLToPath(new URL('../../../deploy/k8s', import.meta.url));

/** Any object of Kubernetes, as far as these tests look into it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec?: Record<string, unknown>;
  readonly data?: Record<string, string>;
}

/** A probe of a container. */
export interface Probe {
  readonly grpc?: { readonly port: number; readonly service?: string };
  readonly httpGet?: { readonly path: string; readonly port: string | number };
  readonly exec?: { readonly command: string[] };
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}

/** A variable of a container. */
export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string }; readonly resourceFieldRef?: { readonly resource: string } };
}

/** A container of a pod. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env?: readonly Variable[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } };
  readonly resources?: { readonly requests?: Record<string, string>; readonly limits?: Record<string, string> };
  readonly securityContext?: {
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly privileged?: boolean;
    readonly capabilities?: { readonly drop?: string[]; readonly add?: string[] };
  };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

/** A volume of a pod. */
export interface Volume {
  readonly name: string;
  readonly hostPath?: unknown;
  readonly emptyDir?: { readonly sizeLimit?: string };
  readonly secret?: { readonly secretName: string; readonly items?: readonly { readonly key: string; readonly path: string }[] };
}

/** The pods that a workload makes. */
export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly securityContext?: {
    readonly runAsNonRoot?: boolean;
    readonly runAsUser?: number;
    readonly seccompProfile?: { readonly type: string };
  };
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly topologySpreadConstraints?: readonly unknown[];
}

/** A Deployment or StatefulSet. */
export interface Workload extends Manifest {
  readonly spec: {
    readonly replicas?: number;
    readonly serviceName?: string;
    readonly selector: { readonly matchLabels: Record<string, string> };
    readonly template: { readonly metadata: { readonly labels: Record<string, string> }; readonly spec: PodSpec };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

const found = findKustomize();

/** Why nothing can be rendered on this machine; undefined where it can. */
export const noKustomize: string | undefined = 'missing' in found ? found.missing : undefined;

/** Names of the overlays. */
export const OVERLAYS: readonly string[] = readdirSync(join(K8S, 'overlays')).sort();
/** Names of the components. */
export const COMPONENTS: readonly string[] = readdirSync(join(K8S, 'components')).sort();

/** What kustomize makes of a folder, as text. */
export function renderText(folder: string): string {
  if ('missing' in found) throw new Error(found.missing);
  const [program, ...args]: Command = found.command;
  return execFileSync(program, [...args, folder], { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The objects in a stream of YAML documents. */
export function parse(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0] as Error;
    return document.toJS() as Manifest;
  });
}

const rendered = new Map<string, Manifest[]>();

/** The objects of an overlay. */
export function overlay(name: string): Manifest[] {
  let manifests = rendered.get(name);
  if (manifests === undefined) rendered.set(name, (manifests = parse(renderText(join(K8S, 'overlays', name)))));
  return manifests;
}

/** Components that no overlay uses, or that take the place of another one there, all on the base together. */
export const OPTIONAL: readonly string[] = [
  's3',
  'postgres',
  'tls',
  'cert-manager',
  'tokens',
  'metrics',
  'hpa',
  'gpu',
  'gpu-dra',
  'grpcroute',
  'kueue',
  'tracing',
  'import-folder',
];

/** The objects of the base with components on top, in namespace "elsewhere". */
export function baseWith(...components: string[]): Manifest[] {
  const key = `base with ${components.join(', ')}`;
  let manifests = rendered.get(key);
  if (manifests === undefined) rendered.set(key, (manifests = parse(renderBaseWith(...components))));
  return manifests;
}

/** See {@link baseWith}; as text. */
export function renderBaseWith(...components: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'rift-overlay-'));
  try {
    const at = (path: string): string => relative(folder, join(K8S, path));
    const lines = [
      'apiVersion: kustomize.config.k8s.io/v1beta1',
      'kind: Kustomization',
      'namespace: elsewhere',
      `resources: ["${at('base')}"]`,
      `components: ${JSON.stringify(components.map((name) => at(`components/${name}`)))}`,
    ];
    writeFileSync(join(folder, 'kustomization.yaml'), `${lines.join('\n')}\n`);
    return renderText(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The Deployments and StatefulSets among the objects. */
export function workloads(manifests: readonly Manifest[]): Workload[] {
  return manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet') as Workload[];
}

/** Name of the service a workload belongs to. */
export function nameOf({ metadata }: Manifest): string {
  return metadata.labels?.['app.kubernetes.io/name'] ?? metadata.name;
}
