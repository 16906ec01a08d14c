import type { DatasetInfo, NetworkSource, Plan, RunSettings } from '@rift/contracts';
import type { CatalogService } from '../catalog/catalog-service.js';
import type { RunInputs } from '../database/schema.js';
import { ENGINE_VERSION } from '../version.js';

/** A run's data set where its settings name none: a plan that reads images is then refused, others need none. */
export const NO_DATASET: DatasetInfo = { digest: '', classes: [], splits: {}, imageSize: 0, notes: [] };

/** The data set of a run's settings. @throws NotFound */
export async function datasetOf(catalog: CatalogService, settings: RunSettings): Promise<DatasetInfo> {
  return settings.dataset === '' ? NO_DATASET : (await catalog.getDataset(settings.dataset)).info;
}

/**
 * Looks up what the names in a plan stand for now: a name that is given to another network later does not change the run.
 *
 * @throws NotFound for a network that does not exist.
 */
export async function resolveInputs(catalog: CatalogService, settings: RunSettings, plan: Plan, dataset: DatasetInfo): Promise<RunInputs> {
  const networks: Record<string, string> = {};
  for (const source of networkSources(plan)) {
    if (source?.source !== 'network') continue;
    const name = source.network === undefined || source.network === '' ? settings.network : source.network;
    networks[name] ??= await catalog.networkDigest(name, 'network');
  }
  const splits = Object.entries(dataset.splits).map(([name, { digest, count }]) => [name, { digest, count }]);
  return {
    engineVersion: ENGINE_VERSION,
    networks,
    dataset: { digest: dataset.digest, classes: dataset.classes, splits: Object.fromEntries(splits) as RunInputs['dataset']['splits'] },
  };
}

function networkSources(plan: Plan): (NetworkSource | null | undefined)[] {
  return plan.stages.flatMap((stage) => [
    stage.craft?.network,
    stage.criticality?.network,
    stage.fineTune?.network,
    stage.interpolate?.from,
    stage.interpolate?.to,
    stage.evaluate?.network,
    stage.train?.initial,
  ]);
}
