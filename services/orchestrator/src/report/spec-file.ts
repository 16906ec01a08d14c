import type { ReportData } from './data/types.js';

/** Name of the file that holds a run's specification. */
export const SPEC_FILE = 'run.json';

/** The run as `rift run --spec` and CreateRun take it: every choice of it, and network and data set by their hashes. */
export function specFile({ name, provenance }: ReportData): string {
  const { network, dataset, plan } = provenance;
  const settings = {
    ...(provenance.settings as Readonly<Record<string, unknown>>),
    ...(network ? { network: network.digest } : {}),
    ...(dataset ? { dataset: dataset.digest } : {}),
  };
  return `${JSON.stringify({ name, settings, plan }, null, 2)}\n`;
}
