import type { ArtifactStore } from '@rift/artifacts';
import type { CatalogService } from '../../catalog/catalog-service.js';
import { required } from '../stage-context.js';
import type { ReportExecutor } from './execute-stage.js';
import type { ReportInput } from '../../report/index.js';
import { reportInput } from './report-input.js';

/** A report in its two forms. */
export interface BuiltReport {
  /** One self-contained page. */
  readonly html: string;
  /** The same as data. */
  readonly json: string;
  /** The verdict in words. */
  readonly verdict: string;
}

/** What the report stage works with. */
export interface ReportParts {
  readonly artifacts: ArtifactStore;
  readonly catalog: CatalogService;
  readonly build: (input: ReportInput) => Promise<BuiltReport>;
  /** Versions to show, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Writes the report from what the run has found, as two artifacts. It is made anew for every run: it tells of this one. */
export function reportExecutor({ artifacts, catalog, build, versions }: ReportParts): ReportExecutor {
  return async (context) => {
    const run = await context.run();
    const stage = required(
      run.plan?.stages.find((candidate) => candidate.id === context.stageId),
      'its report stage',
    );
    const { network = '', dataset = '' } = run.settings ?? {};
    const report = await build(
      reportInput(run, stage, {
        network: network === '' ? undefined : await catalog.getNetwork(context.inputs.networks[network] ?? network),
        dataset: dataset === '' ? undefined : await catalog.getDataset(context.inputs.dataset.digest),
        versions,
        generatedAt: new Date(),
        log: await context.logged(),
      }),
    );
    const [html, json] = await Promise.all([artifacts.putBytes(Buffer.from(report.html)), artifacts.putBytes(Buffer.from(report.json))]);
    return {
      result: { result: 'report', report: { htmlDigest: html.digest, jsonDigest: json.digest, verdict: report.verdict } },
      cached: false,
    };
  };
}
