import { arch, cpus, platform, release, totalmem } from 'node:os';
import type { DatasetInfo, NetworkInfo, NetworkSource, Run, Stage, WatchRunResponse } from '@rift/contracts';
import { canonicalJson } from '../../messages/canonical.js';
import { keyFigures } from '../stage-figures.js';
import { SPEC_FILE, type Environment, type Evaluation, type NamedArtifact, type Registered, type ReportInput } from '../../report/index.js';

/** What a report needs beside the run itself. */
export interface ReportSurroundings {
  readonly network: Registered<NetworkInfo> | undefined;
  readonly dataset: Registered<DatasetInfo> | undefined;
  readonly versions: Readonly<Record<string, string>>;
  readonly generatedAt: Date;
  /** The lines of the run's log. */
  readonly log: readonly WatchRunResponse[];
}

/**
 * Gathers what the report of a run is made of: its finished stages, and as evaluations before and after all those of the networks
 * that the two named evaluations measured.
 *
 * @param run the run with the results of its finished stages.
 * @param stage the report stage: which evaluation is of the network before and which of the one after.
 */
export function reportInput(run: Run, stage: Stage, surroundings: ReportSurroundings): ReportInput {
  const stages = run.plan?.stages ?? [];
  const last = <K extends Stage['kind']>(kind: K): Stage | undefined => stages.findLast((candidate) => candidate.kind === kind);
  const { network, dataset, versions, generatedAt, log } = surroundings;
  return {
    run: {
      id: run.id,
      name: run.name,
      ...(run.createdAt ? { createdAt: isoTime(run.createdAt) } : {}),
      ...(run.startedAt ? { startedAt: isoTime(run.startedAt) } : {}),
      settings: given(run.settings),
      plan: given(run.plan),
      stages: stages.map((one) => {
        const status = statusOf(run, one.id);
        const figures = status?.result ? keyFigures(status.result) : [];
        return {
          ...{ id: one.id, kind: one.kind ?? '', seconds: status?.seconds ?? 0, cached: status?.cached ?? false },
          figures: Object.fromEntries(figures.map(({ name, value }) => [name, value])),
        };
      }),
    },
    generatedAt: generatedAt.toISOString(),
    environment: environmentOf(run, versions),
    log: log.flatMap(({ at, log: line }) => (at && line !== undefined ? [{ at: isoTime(at), line }] : [])),
    commands: commandsOf(run),
    artifacts: artifactsOf(run, network, dataset),
    ...(network ? { network } : {}),
    ...(dataset ? { dataset } : {}),
    ...criticalityPart(run, stages, last('criticality')),
    ...trainPart(run, last('train')),
    ...fineTunePart(run, last('fineTune')),
    ...interpolatePart(run, last('interpolate')),
    before: evaluationsLike(run, stages, stage.report?.beforeStage ?? ''),
    after: evaluationsLike(run, stages, stage.report?.afterStage ?? ''),
  };
}

function given<T>(value: T | null): T {
  if (value === null) throw new Error('A recorded run lacks its settings or plan.');
  return value;
}

function isoTime({ seconds, nanos }: { seconds: number; nanos: number }): string {
  return new Date(seconds * 1000 + nanos / 1e6).toISOString();
}

function statusOf(run: Run, id: string) {
  return run.stages.find((status) => status.id === id);
}

function criticalityPart(run: Run, stages: readonly Stage[], stage: Stage | undefined): Pick<ReportInput, 'criticality'> {
  const result = stage && statusOf(run, stage.id)?.result?.criticality;
  const spec = stage?.criticality?.spec;
  if (!result || !spec) return {};
  const crafted = stages.find((candidate) => candidate.id === stage.criticality?.craftStage);
  return { criticality: { spec, result, images: crafted?.craft?.data ?? undefined } };
}

function trainPart(run: Run, stage: Stage | undefined): Pick<ReportInput, 'train'> {
  const result = stage && statusOf(run, stage.id)?.result?.train;
  const spec = stage?.train?.spec;
  if (!result || !spec) return {};
  const { train, selection, extra } = stage.train ?? {};
  return { train: { spec, result, images: train ?? undefined, selection: selection ?? undefined, extra: extra ?? undefined } };
}

function fineTunePart(run: Run, stage: Stage | undefined): Pick<ReportInput, 'fineTune'> {
  const result = stage && statusOf(run, stage.id)?.result?.fineTune;
  const spec = stage?.fineTune?.spec;
  if (!result || !spec) return {};
  // Where the plan left the module to the criticality stage, the result tells which one moved.
  const modules = spec.modules.length > 0 ? spec.modules : Object.keys(result.relativeChange);
  const choice = stage.fineTune?.choice;
  const selection = stage.fineTune?.selection ?? undefined;
  return { fineTune: { spec: { ...spec, modules }, result, selection, ...(choice ? { choice } : {}) } };
}

function interpolatePart(run: Run, stage: Stage | undefined): Pick<ReportInput, 'interpolate'> {
  const result = stage && statusOf(run, stage.id)?.result?.interpolate;
  const spec = stage?.interpolate?.spec;
  return result && spec ? { interpolate: { spec, result, images: stage.interpolate?.data ?? undefined } } : {};
}

/** The named evaluation and all others of the same network, in the order of the plan. */
function evaluationsLike(run: Run, stages: readonly Stage[], id: string): Evaluation[] {
  const named = stages.find((stage) => stage.id === id)?.evaluate;
  if (!named) return [];
  return stages.flatMap((stage): Evaluation[] => {
    const { evaluate } = stage;
    const result = statusOf(run, stage.id)?.result?.evaluate;
    if (!evaluate?.data || !evaluate.spec || !result || !sameNetwork(run, evaluate.network, named.network)) return [];
    return [{ stage: stage.id, images: evaluate.data, seed: evaluate.spec.seed, result }];
  });
}

function sameNetwork(run: Run, a: NetworkSource | null, b: NetworkSource | null): boolean {
  const meant = (source: NetworkSource | null): NetworkSource | null =>
    source?.source === 'network' && source.network === '' ? { ...source, network: run.settings?.network ?? '' } : source;
  return canonicalJson(meant(a)) === canonicalJson(meant(b));
}

function environmentOf(run: Run, versions: Readonly<Record<string, string>>): Environment {
  const processors = cpus();
  const compute = run.settings?.compute;
  return {
    versions: { ...versions, 'Node.js': process.versions.node },
    machine: {
      processor: `${processors[0]?.model.trim() ?? 'unknown'} (${processors.length} threads)`,
      memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
      system: `${platform()} ${release()} ${arch()}`,
    },
    engine: {
      device: compute?.device || 'auto',
      precision: (compute?.precision ?? 'PRECISION_AUTO').replace('PRECISION_', '').toLowerCase(),
      threads: compute?.threads ? String(compute.threads) : 'all',
    },
  };
}

/** What makes the run again from its specification, which the report holds as a file; flags go before what stands in it. */
function commandsOf(run: Run): string[] {
  const { settings } = run;
  if (!settings) return [];
  const { compute } = settings;
  const precision = (compute?.precision ?? 'PRECISION_AUTO').replace('PRECISION_', '').toLowerCase();
  const device = compute?.device || 'auto';
  const flags = [
    `--seed ${settings.seed}`,
    ...(precision === 'auto' || precision === 'unspecified' ? [] : [`--precision ${precision}`]),
    ...(device === 'auto' ? [] : [`--device ${device}`]),
  ];
  return [`rift run --spec ${SPEC_FILE} ${flags.join(' ')} --no-cache`];
}

function artifactsOf(run: Run, network: ReportSurroundings['network'], dataset: ReportSurroundings['dataset']): NamedArtifact[] {
  const made = run.stages.flatMap(({ id, result }): NamedArtifact[] => {
    const digest =
      result?.craft?.digest ?? result?.fineTune?.digest ?? result?.interpolate?.digest ?? result?.corrupt?.digest ?? result?.train?.digest;
    return digest === undefined ? [] : [{ what: `result of stage ${id}`, digest }];
  });
  return [
    ...(network ? [{ what: 'network before', digest: network.info.digest }] : []),
    ...(dataset ? [{ what: 'data set', digest: dataset.info.digest }] : []),
    ...made,
  ];
}
