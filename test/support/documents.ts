import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the checkout. */
export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url));

/** A command that a document shows. */
export interface ShownCommand {
  readonly file: string;
  readonly words: readonly string[];
  /** What the document shows of its output, in blocks of the kind "console". */
  readonly output: readonly string[];
}

const DOCUMENTS = ['*.md', 'docs/*.md', 'docs/results/*.md', 'clients/*/README.md', 'samples/README.md', 'bench/*.md'];

/** The commands in all blocks of kind sh and console. */
export function shownCommands(): ShownCommand[] {
  return globSync(DOCUMENTS, { cwd: ROOT })
    .sort()
    .flatMap((file) => commandsIn(file, readFileSync(join(ROOT, file), 'utf8')));
}

/** Those of one program. */
export function commandsOf(commands: readonly ShownCommand[], program: string): ShownCommand[] {
  return commands.filter(({ words }) => words[0] === program);
}

function commandsIn(file: string, text: string): ShownCommand[] {
  return [...text.matchAll(/^```(sh|console)\n(.*?)^```/gms)].flatMap(([, kind, body = '']) => {
    const lines = body.replaceAll('\\\n', ' ').trimEnd().split('\n');
    if (kind === 'sh') return lines.map((line) => ({ file, words: wordsOf(line), output: [] })).filter(({ words }) => words.length > 0);
    const commands: { file: string; words: readonly string[]; output: string[] }[] = [];
    for (const line of lines) {
      if (line.startsWith('$ ')) commands.push({ file, words: wordsOf(line.slice(2)), output: [] });
      else commands.at(-1)?.output.push(line);
    }
    return commands;
  });
}

/** A command line as words: quotes are taken off, a comment at its end is left out. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [, single, double, plain] of line.matchAll(/'([^']*)'|"([^"]*)"|([^\s'"]+)/g)) {
    if (plain?.startsWith('#') === true) break;
    words.push(single ?? double ?? plain ?? '');
  }
  return words;
}
