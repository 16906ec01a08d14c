import published from './published.json' with { type: 'json' };

/** The three accuracies that the paper reports, fractions. */
export interface Figures {
  readonly standard: number;
  readonly ood: number;
  readonly adversarial: number;
}

/** One row of a published table on one data set. */
export interface PublishedRow {
  /** Row as the study names it: architecture, method of training or choice of modules. */
  readonly row: string;
  readonly dataset: string;
  readonly before: Figures;
  readonly after: Figures;
}

/** Where the figures are from and what they are of. */
export const SOURCE: { readonly source: string; readonly conditions: string } = {
  source: published.source,
  conditions: published.conditions,
};

const TABLES: Readonly<Record<string, { readonly citation: string; readonly rows: readonly PublishedRow[] }>> = {
  table1: published.table1,
  table2: published.table2,
  table3: published.table3,
  table4: published.table4,
};

/** Which part of the paper a study repeats. */
export function citationOf(study: string): string {
  return { ...TABLES, fig1: published.fig1, fig3: published.fig3 }[study]?.citation ?? '';
}

/** The published figures of a row; undefined where the paper has none. */
export function publishedRow(study: string, row: string, dataset: string): PublishedRow | undefined {
  return TABLES[study]?.rows.find((entry) => entry.row === row && entry.dataset === dataset);
}

/** What the paper says about figure 1, sentence by sentence. */
export const FIGURE_1_FACTS: readonly string[] = published.fig1.facts;

/** The modules of figure 3 whose values the text states; null where it states none. */
export const FIGURE_3_MODULES: readonly { readonly name: string; readonly mrc: number | null; readonly robustAccuracyDrop: number }[] =
  published.fig3.modules;
