import { duration, points } from '../output/format.js';
import type { Estimate, StudyRow } from './aggregate.js';
import type { Measured } from './collect.js';
import type { StudyDocument } from './document.js';
import { markdownTable } from './markdown.js';
import { figure1, figure3 } from './render-figures.js';
import type { Figures } from './published.js';

const KEYS = ['standard', 'ood', 'adversarial'] as const;
const HEADS = { standard: 'Std', ood: 'OOD', adversarial: 'Adv' } as const;

const TITLES: Readonly<Record<StudyDocument['study'], string>> = {
  table1: 'Table 1: RiFT on data sets and networks',
  table2: 'Table 2: RiFT after other methods of adversarial training',
  table3: 'Table 3: fine-tuning different modules',
  table4: 'Table 4: fine-tuning several non-robust-critical modules',
  fig1: 'Figure 1: from the original to the fine-tuned weights',
  fig3: 'Figure 3: criticality of every module',
};

/**
 * The study for people: what was computed, where and how large, and its figures beside the published ones.
 *
 * @param figures file names of pictures that lie beside the text.
 */
export function studyMarkdown(document: StudyDocument, figures: readonly string[]): string {
  const parts = [`# ${TITLES[document.study]}`, setupText(document)];
  if (document.study === 'fig1') parts.push(figure1(document));
  else if (document.study === 'fig3') parts.push(figure3(document));
  else parts.push(...tables(document));
  parts.push(...figures.map((name) => `![${TITLES[document.study]}](${name})`));
  if (document.leftOut.length > 0) parts.push(`Left out:\n\n${document.leftOut.map((line) => `- ${line}`).join('\n')}`);
  return `${parts.join('\n\n')}\n`;
}

function setupText({ setup, machine, command, finishedAt, published, cells }: StudyDocument): string {
  const { limits, trainEpochs, trainSteps, widthDivisor } = setup.size;
  const number = (count: number): string => (count === 0 ? 'all' : String(count));
  const seconds = cells.reduce((sum, cell) => sum + cell.seconds, 0);
  const given = Object.entries(setup.networks).map(([key, network]) => `${key} = \`${network}\``);
  const lines = [
    `Profile \`${setup.profileName}\`, scale \`${setup.scale}\`, ${setup.seeds} seed${setup.seeds === 1 ? '' : 's'}; finished ${finishedAt.slice(0, 16).replace('T', ' ')} UTC.`,
    given.length > 0
      ? `Networks given: ${given.join(', ')}.`
      : `Networks trained here: published width ÷ ${widthDivisor}, ${trainEpochs === null ? "the recipe's epochs" : `${trainEpochs} epochs`}, ${trainSteps === null ? "the recipe's attack" : `${trainSteps} attack steps`}.`,
    `Images: criticality ${number(limits.criticality)}, training ${number(limits.train)}, selection ${number(limits.selection)}, test ${number(limits.test)}, test of each corruption ${number(limits.corruption)}.`,
    `Data: ${Object.entries(setup.datasets)
      .map(([name, path]) => `${name} = \`${path}\``)
      .join(', ')}.`,
    `Machine: ${machine.processor}, ${machine.threads} threads, ${machine.memoryGiB} GiB, ${machine.system}; device ${setup.device}, precision ${setup.precision}${setup.endpoint === null ? '' : `; computed by ${setup.endpoint}`}.`,
    `Time of the stages that were computed for it: ${duration(seconds)}; results known from earlier runs were taken as they were.`,
    `Published figures: ${published.citation}. ${published.source} ${published.conditions}`,
  ];
  return `${lines.map((line) => `- ${line}`).join('\n')}\n\n\`\`\`sh\n${command}\n\`\`\``;
}

function tables(document: StudyDocument): string[] {
  const datasets = [...new Set(document.rows.map(({ dataset }) => dataset))];
  const notes =
    'Percent; changes in points. In brackets the 95 % interval: over seeds where there are several, else over images (accuracies: Wilson; changes: paired over the same images). "After" is at the alpha that the rule chooses; "at alpha = 1" is the fine-tuned network itself, on the images that choose alpha.';
  return [notes, ...datasets.flatMap((dataset) => [`## ${dataset}`, datasetTable(document.rows.filter((row) => row.dataset === dataset))])];
}

function datasetTable(rows: readonly StudyRow[]): string {
  const heads = ['', 'what', ...KEYS.map((key) => HEADS[key]), ...KEYS.map((key) => `paper ${HEADS[key]}`), 'modules', 'alpha'];
  const lines = rows.flatMap((row) => {
    if (row.seeds.length === 0) return [[row.title, `failed: ${row.errors.join('; ').replaceAll('|', '\\|')}`, ...blank(8)]];
    const { published } = row;
    const modules = row.modules.map((names) => (names.length > 60 ? `${names.slice(0, 57)}…` : names)).join('; ');
    return [
      [row.title, 'before', ...measured(row.before), ...paper(published?.before), '', ''],
      [
        '',
        'after',
        ...measured(row.after),
        ...paper(published?.after),
        modules,
        row.alphas.map((alpha) => String(Number(alpha.toFixed(4)))).join(', '),
      ],
      ['', 'Δ', ...changes(row.change), ...paperChanges(published), '', ''],
      ['', 'at alpha = 1', ...measured(row.tuned), ...blank(3), '', '1'],
      ['', 'Δ', ...changes(row.tunedChange), ...blank(3), '', ''],
    ];
  });
  return markdownTable(heads, lines);
}

const blank = (count: number): string[] => Array.from({ length: count }, () => '');

function measured(all: Measured<Estimate>): string[] {
  return KEYS.map((key) => {
    const one = all[key];
    return one === undefined
      ? '–'
      : `${(one.mean * 100).toFixed(2)} [${(one.ci95[0] * 100).toFixed(1)}, ${(one.ci95[1] * 100).toFixed(1)}]`;
  });
}

function changes(all: Measured<Estimate>): string[] {
  return KEYS.map((key) => {
    const one = all[key];
    return one === undefined ? '–' : `${points(one.mean)} [${points(one.ci95[0])}, ${points(one.ci95[1])}]`;
  });
}

function paper(figures: Figures | undefined): string[] {
  return KEYS.map((key) => (figures === undefined ? '–' : (figures[key] * 100).toFixed(2)));
}

function paperChanges(published: StudyRow['published']): string[] {
  return KEYS.map((key) => (published === null ? '–' : points(published.after[key] - published.before[key])));
}
