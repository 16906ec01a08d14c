import type { DatasetInfo, NetworkInfo, Run, Stage, StageStatus } from '@rift/contracts';
import { InvalidArgument, NotFound, Unavailable } from '@rift/service-kit';
import type { ArtifactService } from '../../artifacts/artifact-service.js';
import type { CatalogService, Found } from '../../catalog/catalog-service.js';
import { reportInput } from '../../execution/stages/report-input.js';
import { buildData } from '../../report/data/build.js';
import type { ReportData } from '../../report/data/types.js';
import type { ReportInput } from '../../report/input.js';
import type { RunService } from '../../runs/run-service.js';
import { VERSIONS } from '../../version.js';

/** A run with what its page shows of it. */
export interface RunModel {
  readonly run: Run;
  readonly network: Found<NetworkInfo> | undefined;
  /** The report's figures; of a run without a report, those that its finished stages have. */
  readonly data: ReportData | undefined;
  readonly input: ReportInput | undefined;
  /** Whether the figures are those of the finished report. */
  readonly isReport: boolean;
}

/** Largest report that is read into memory. */
const MAX_REPORT = 64 << 20;
/** Runs whose figures are kept for the next visit. */
const MAX_KEPT = 24;

/** Reads runs for pages. What is made of a run is kept until a stage of it ends. */
export class RunModels {
  readonly #kept = new Map<string, { readonly key: string; readonly figures: Promise<Figures> }>();

  constructor(
    private readonly runs: Pick<RunService, 'get'>,
    private readonly catalog: CatalogService,
    private readonly artifacts: ArtifactService,
  ) {}

  /** @throws NotFound */
  async load(id: string): Promise<RunModel> {
    return this.of(await this.runs.get(id));
  }

  /** The model of a run as it is given. */
  async of(run: Run): Promise<RunModel> {
    const key = run.stages.map(({ id, state }) => `${id}:${state}`).join();
    const kept = this.#kept.get(run.id);
    const figures = kept?.key === key ? kept.figures : this.#figures(run);
    this.#kept.delete(run.id);
    this.#kept.set(run.id, { key, figures });
    figures.catch(() => this.#kept.delete(run.id));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return { run, ...(await figures) };
  }

  async #figures(run: Run): Promise<Figures> {
    const { network = '', dataset = '' } = run.settings ?? {};
    const [foundNetwork, foundDataset] = await Promise.all([
      network === '' ? undefined : orNothing(this.catalog.getNetwork(network)),
      dataset === '' ? undefined : orNothing(this.catalog.getDataset(dataset)),
    ]);
    const input = inputOf(run, foundNetwork, foundDataset);
    const report = await this.#report(run);
    return { network: foundNetwork, input, data: report ?? dataOf(input), isReport: report !== undefined };
  }

  async #report(run: Run): Promise<ReportData | undefined> {
    const digest = run.stages.find(({ result }) => result?.report)?.result?.report?.jsonDigest;
    if (digest === undefined) return undefined;
    const { exists, size } = await this.artifacts.stat(digest);
    if (!exists || size > MAX_REPORT) return undefined;
    const chunks: Buffer[] = [];
    for await (const { chunk } of this.artifacts.download(digest, 0)) chunks.push(Buffer.from(chunk));
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as ReportData;
  }
}

type Figures = Omit<RunModel, 'run'>;

/** A name may have gone, and the trainers that know an artifact may be away: the page then does without. */
async function orNothing<T>(wanted: Promise<T>): Promise<T | undefined> {
  try {
    return await wanted;
  } catch (error) {
    if (error instanceof NotFound || error instanceof Unavailable) return undefined;
    throw error;
  }
}

function inputOf(run: Run, network: Found<NetworkInfo> | undefined, dataset: Found<DatasetInfo> | undefined): ReportInput | undefined {
  if (!run.plan || !run.settings) return undefined;
  const shown = run.plan.stages.find(({ kind }) => kind === 'report') ?? evaluationsAlone(run.plan.stages);
  return reportInput(run, shown, { network, dataset, versions: VERSIONS, generatedAt: new Date(), log: [] });
}

/** Stands for the report of a plan that has none: its first evaluation, compared with nothing. */
function evaluationsAlone(stages: readonly Stage[]): Stage {
  const first = stages.find(({ kind }) => kind === 'evaluate');
  return { id: '', after: [], kind: 'report', report: { beforeStage: first?.id ?? '', afterStage: '' } };
}

/** Figures of a run that has no report yet. Before and after are compared by the report alone, which takes its time for it. */
function dataOf(input: ReportInput | undefined): ReportData | undefined {
  if (!input) return undefined;
  const isLast = input.before.length === 0;
  try {
    return buildData({ ...input, ...(isLast ? {} : { after: [] }) });
  } catch (error) {
    if (error instanceof InvalidArgument) return undefined;
    throw error;
  }
}

/** What a stage knows of its result. */
export function knownResult(status: StageStatus): StageStatus['result'] {
  return status.result ?? status.partialResult;
}
