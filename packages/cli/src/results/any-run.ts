import type { Run, StageStatus } from '@rift/contracts';

import { duration } from '../output/format.js';
import { table } from '../output/table.js';
import { attackDocument, evaluationDocument, evaluationText } from './evaluation.js';
import { criticalityDocument, criticalityText } from './criticality.js';
import { alphaDocuments, alphasText, epochDocuments, epochsText } from './training.js';
import { beforeAfterText, runDocument } from './whole-run.js';

/** The stages of any run, as scripts read them. */
export function stageDocuments(run: Run): object[] {
  return run.stages.map((status) => ({
    id: status.id,
    state: status.state.replace('RUN_STATE_', '').toLowerCase(),
    cached: status.cached,
    seconds: status.seconds,
    result: resultDocument(status),
  }));
}

function resultDocument({ result }: StageStatus): object | null {
  if (result?.craft) return { digest: result.craft.digest, ...(result.craft.outcome ? attackDocument(result.craft.outcome) : {}) };
  if (result?.criticality) return criticalityDocument(result.criticality);
  if (result?.fineTune) {
    const { digest, epochs, chosenEpoch, relativeChange } = result.fineTune;
    return { digest, epochs: epochDocuments(epochs), chosenEpoch, relativeChange };
  }
  if (result?.interpolate) {
    const { digest, chosenAlpha, reason } = result.interpolate;
    return { digest, points: alphaDocuments(result.interpolate), chosen: chosenAlpha, reason };
  }
  if (result?.evaluate) return evaluationDocument(result.evaluate);
  if (result?.corrupt) return { ...result.corrupt };
  if (result?.train)
    return { digest: result.train.digest, epochs: epochDocuments(result.train.epochs), chosenEpoch: result.train.chosenEpoch };
  if (result?.report) return { ...result.report };
  return null;
}

/** Any run for people: its stages, then what it found. */
export function runText(run: Run, columns?: number): string {
  const stages = table(
    [{ title: 'stage' }, { title: 'state' }, { title: 'time', right: true }],
    run.stages.map(({ id, state, seconds, cached }) => [
      id,
      state.replace('RUN_STATE_', '').toLowerCase(),
      cached ? 'known' : seconds > 0 ? duration(seconds) : '',
    ]),
  );
  const document = runDocument(run);
  if (document.verdict !== null) {
    return [
      stages,
      beforeAfterText(document, columns),
      `module ${document.module ?? '–'}, alpha ${document.alpha ?? '–'}`,
      document.verdict,
    ].join('\n\n');
  }
  return [stages, ...run.stages.map((status) => stageText(run, status, columns)).filter((text) => text !== '')].join('\n\n');
}

function stageText(run: Run, { id, result }: StageStatus, columns?: number): string {
  if (result?.criticality) return criticalityText(criticalityDocument(result.criticality), columns);
  if (result?.fineTune) return epochsText(epochDocuments(result.fineTune.epochs), result.fineTune.chosenEpoch, columns);
  if (result?.train) return epochsText(epochDocuments(result.train.epochs), result.train.chosenEpoch, columns);
  if (result?.interpolate)
    return `${alphasText(alphaDocuments(result.interpolate), result.interpolate.chosenAlpha, columns)}\n\n${result.interpolate.reason}`;
  if (result?.evaluate) {
    const severities = run.plan?.stages.find((stage) => stage.id === id)?.evaluate?.spec?.severities ?? [];
    return evaluationText(evaluationDocument(result.evaluate), severities, columns);
  }
  return '';
}
