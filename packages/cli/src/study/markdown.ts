/** A row of a Markdown table. */
function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Heads of columns that hold words. */
const WORDS = new Set(['', 'what', 'module', 'modules', 'fine-tuned']);

/** A Markdown table; columns of words are set left, numbers right. */
export function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = heads.map((head) => (WORDS.has(head) ? '---' : '---:'));
  return [tableRow(heads), tableRow(rule), ...rows.map(tableRow)].join('\n');
}
