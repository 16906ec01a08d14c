import type { AttackData, ReportData } from './data/types.js';
import { pixels } from './data/names.js';
import { accuracies, inline } from './markdown.js';

interface Metric {
  readonly name: string;
  readonly value: number;
}

/**
 * Model card of the resulting network: YAML metadata as the Hugging Face Hub reads it (model-index), then text. Metrics are
 * fractions; the threat model stands with each robust one.
 */
export function modelCard(data: ReportData): string {
  const { network, dataset } = data.provenance;
  const name = network ? `${network.name === '' ? network.arch : network.name}-rift` : 'rift';
  const metrics = metricsOf(data);
  return [
    frontMatter(name, data, metrics),
    `# ${inline(name)}`,
    `${network ? inline(`${network.arch}, width ${network.width}, ${network.classes} classes, input ${network.inputSize} × ${network.inputSize} pixels, preprocessing ${network.preprocess}.`) : 'Image classifier.'} ${howMade(data)}`,
    `## Evaluation\n\n${inline(data.verdict)}`,
    accuracies(data),
    attacksOf(data),
    `## Limits\n\n${data.cautions.map((caution) => `- ${inline(caution)}`).join('\n') || '- None noted.'}\n- Robustness holds for the threat model named above and no other.`,
    `## Source\n\nRun \`${data.runId}\`, seed ${data.provenance.seed}, profile ${data.provenance.profile}.${
      dataset ? ` Data: ${inline(dataset.name)} (SHA-256 \`${dataset.digest}\`).` : ''
    }${network ? ` Made from the network with SHA-256 \`${network.digest}\`.` : ''}`,
  ]
    .filter((part) => part !== undefined)
    .join('\n\n')
    .concat('\n');
}

function howMade(data: ReportData): string {
  if (data.modules.length === 0) return 'Evaluated for robustness.';
  const alpha =
    data.alpha === null ? '' : `, then moved to alpha = ${data.alpha} on the line between the original and the fine-tuned weights`;
  return `Made by robust critical fine-tuning (RiFT): ${data.modules.map((module) => `\`${module}\``).join(', ')} fine-tuned on clean images${alpha}.`;
}

function metricsOf(data: ReportData): Metric[] {
  const { standard, adversarial, ood } = data.after;
  return [
    ...(standard ? [{ name: 'Standard accuracy', value: standard.accuracy }] : []),
    ...(adversarial ? [{ name: `Adversarial accuracy, ${adversarial.attack}`, value: adversarial.accuracy }] : []),
    ...(ood ? [{ name: `Mean accuracy over ${ood.corruptions.length} corruptions`, value: ood.accuracy }] : []),
  ];
}

function frontMatter(name: string, data: ReportData, metrics: readonly Metric[]): string {
  const { network, dataset } = data.provenance;
  const yaml = (text: string): string => JSON.stringify(text);
  const lines = [
    '---',
    'pipeline_tag: image-classification',
    'tags: [adversarial-robustness, rift]',
    ...(dataset ? ['datasets:', `  - ${yaml(dataset.name)}`] : []),
    ...(network && network.name !== '' ? [`base_model: ${yaml(network.name)}`] : []),
    ...(metrics.length > 0 && dataset
      ? [
          'model-index:',
          `  - name: ${yaml(name)}`,
          '    results:',
          '      - task:',
          '          type: image-classification',
          '        dataset:',
          `          type: ${yaml(dataset.name)}`,
          `          name: ${yaml(dataset.name)}`,
          '        metrics:',
          ...metrics.flatMap((metric) => [
            '          - type: accuracy',
            `            name: ${yaml(metric.name)}`,
            `            value: ${metric.value}`,
          ]),
        ]
      : []),
    '---',
  ];
  return lines.join('\n');
}

function attacksOf(data: ReportData): string | undefined {
  if (data.after.attacks.length === 0) return undefined;
  const line = (attack: AttackData): string =>
    `- ${attack.name}: ${attack.norm}, ε = ${pixels(attack.epsilon)}, ${attack.stepSize > 0 ? `step ${pixels(attack.stepSize)}, ` : ''}${attack.steps} steps, ` +
    `${attack.restarts} restart${attack.restarts === 1 ? '' : 's'}, seed ${attack.seed}, ${attack.images} (${attack.total} images)`;
  return `Threat models and attacks:\n\n${data.after.attacks.map(line).join('\n')}`;
}
