import type { AlphaPoint, StageStatus } from '@rift/contracts';
import { criticalityChart } from '../../report/charts/criticality.js';
import { epochCharts } from '../../report/charts/epochs.js';
import { figure } from '../../report/charts/svg.js';
import { epochsData } from '../../report/data/epochs.js';
import { criticalityData, fineTuneData } from '../../report/data/stages.js';
import type { CriticalityData, EpochsData } from '../../report/data/types.js';
import { attacksSection, corruptionsSection } from '../../report/page/robustness.js';
import { classesSection } from '../../report/page/classes.js';
import { gallerySection } from '../../report/page/gallery.js';
import { html, type Content, type Html } from '../../report/page/html.js';
import { criticalitySection, fineTuneSection, pathSection } from '../../report/page/method.js';
import { accuraciesSection, verdictBlock } from '../../report/page/overview.js';
import { section, type Section } from '../../report/page/parts.js';
import { severityChart } from '../charts/severities.js';
import { livePathChart } from '../charts/live-path.js';
import { stageOf } from '../words.js';
import type { RunModel } from './model.js';

/** The verdict, once there is a report. */
export function verdict({ data, isReport }: RunModel): Content {
  return isReport && data ? verdictBlock(data) : null;
}

/** Everything that is known of a run's results, from its report or from its finished stages. */
export function results(model: RunModel): Content {
  const { data, input, run } = model;
  if (!data || !input) return null;
  const grid = severityChart(data.corruptions);
  const corruptions = corruptionsSection(data);
  const sections: (Section | undefined)[] = [
    accuraciesSection(data),
    criticalitySection(data),
    fineTuneSection(data),
    ...run.stages.map((status) => trainSection(status)),
    pathSection(data),
    corruptions && grid ? { ...corruptions, body: html`${figure(grid)}${corruptions.body}` } : corruptions,
    classesSection(data),
    attacksSection(data),
    gallerySection(input),
  ];
  return sections.filter((entry) => entry !== undefined).map(section);
}

/** What the stages that are being computed know already. */
export function growing({ run, input, network }: RunModel): Content {
  return run.stages.map((status): Content => {
    const { partialResult, result } = status;
    if (result || !partialResult || !input) return null;
    const stage = stageOf(run.plan, status.id);
    if (partialResult.criticality && stage?.criticality?.spec) {
      const { spec } = stage.criticality;
      const measured = criticalityData({ ...input, criticality: { spec, result: partialResult.criticality, images: undefined } });
      const wanted = spec.modules.length > 0 ? spec.modules : (network?.info.modules.map(({ name }) => name) ?? []);
      return measured && growingCriticality(measured, wanted);
    }
    if (partialResult.fineTune && stage?.fineTune?.spec) {
      const data = fineTuneData({
        ...input,
        fineTune: { spec: stage.fineTune.spec, result: partialResult.fineTune, selection: undefined },
      });
      return data && epochsSoFar('Fine-tuning on clean images', status.id, data);
    }
    if (partialResult.train) {
      const data = { epochs: epochsData(partialResult.train.epochs), chosenEpoch: 0 };
      return epochsSoFar('Adversarial training', status.id, data);
    }
    if (partialResult.interpolate) return growingPath(status.id, partialResult.interpolate.points);
    return null;
  });
}

function growingCriticality(measured: CriticalityData, wanted: readonly string[]): Html {
  const done = new Set(measured.modules.map(({ name }) => name));
  const waiting = wanted.filter((name) => !done.has(name));
  return section({
    id: 'criticality-so-far',
    title: 'Which module matters least for robustness',
    body: html`<p>${done.size} of ${done.size + waiting.length} modules are measured; the shortest bar will be fine-tuned.</p>
      ${figure(criticalityChart(measured, waiting))}`,
  });
}

function epochsSoFar(title: string, id: string, data: EpochsData): Html {
  return section({ id: `epochs-${id}`, title, body: epochCharts(data).map(figure) });
}

function growingPath(id: string, points: readonly AlphaPoint[]): Html {
  return section({ id: `path-${id}`, title: 'How far to walk to the fine-tuned weights', body: figure(livePathChart(points)) });
}

function trainSection({ id, result }: StageStatus): Section | undefined {
  if (!result?.train || result.train.epochs.length === 0) return undefined;
  const charts = epochCharts({ epochs: epochsData(result.train.epochs), chosenEpoch: result.train.chosenEpoch });
  return { id: `training-${id}`, title: 'Adversarial training', body: charts.map(figure) };
}
