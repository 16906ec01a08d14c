import { cautionsOf } from '../cautions.js';
import type { ReportInput } from '../input.js';
import { verdictOf } from '../verdict.js';
import { classesData } from './classes.js';
import { trainingData } from './epochs.js';
import { changesOf, figuresOf } from './evaluation.js';
import { corruptionRows } from './ood.js';
import { provenanceData } from './provenance.js';
import { criticalityData, fineTuneData, pathData, tunedModules } from './stages.js';
import type { ReportData } from './types.js';

/** Margin of the robustness test when the plan chose no alpha: half a point, as in the profile "sound". */
const DEFAULT_MARGIN = 0.005;

/**
 * Computes every figure and sentence of a report; the page, the tables and the model card only show them.
 *
 * @throws InvalidArgument when a result contradicts itself.
 */
export function buildData(input: ReportInput): ReportData {
  const before = figuresOf(input.before);
  const after = figuresOf(input.after);
  const changes = changesOf(before, after, input.run.settings.seed);
  const interpolate = pathData(input);
  const modules = tunedModules(input);
  const { text, conclusion } = verdictOf({
    ...changes,
    margin: interpolate?.margin ?? DEFAULT_MARGIN,
    alpha: interpolate?.chosenAlpha ?? null,
    only: input.after.length === 0 ? before.data : input.before.length === 0 ? after.data : undefined,
  });
  return {
    schema: 'rift.report/1',
    runId: input.run.id,
    name: input.run.name,
    verdict: text,
    conclusion,
    cautions: cautionsOf(input, before, after, changes, interpolate),
    module: modules.length === 1 ? (modules[0] ?? null) : null,
    modules,
    alpha: interpolate?.chosenAlpha ?? null,
    before: before.data,
    after: after.data,
    change: changes,
    criticality: criticalityData(input),
    training: trainingData(input),
    fineTune: fineTuneData(input),
    interpolate,
    corruptions: corruptionRows(before.ood?.evaluation, after.ood?.evaluation),
    classes: classesData(input, before, after),
    provenance: provenanceData(input),
  };
}
