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

/**
 * Commands of some programs wherever a document shows them: in blocks and in the text, between pipes and inside \$(…).
 *
 * @param programs their names
 */
export function commandsAnywhere(programs: readonly string[]): ShownCommand[] {
  const found = globSync(DOCUMENTS, { cwd: ROOT })
    .sort()
    .flatMap((file) => {
      const text = readFileSync(join(ROOT, file), 'utf8').replaceAll('\\\n', ' ');
      const blocks = [...text.matchAll(/^```(?:sh|console)\n(.*?)^```/gms)].flatMap(([, body = '']) => body.split('\n'));
      const inline = [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replace(/\s+/g, ' '));
      return [...blocks, ...inline]
        .flatMap((line) => simpleCommands(line.replace(/^\$ /, '')))
        .map((words) => ({ file, words, output: [] }));
    });
  const isOne = ({ words }: ShownCommand): boolean => words.length > 1 && programs.includes(words[0] ?? '');
  return [...new Map(found.filter(isOne).map((command) => [`${command.file} ${command.words.join(' ')}`, command])).values()];
}

/** The simple commands of a line. What is inserted from another command's output is a word of its own: "$(…)". */
function simpleCommands(line: string): string[][] {
  const inner: string[] = [];
  const outer = line.replaceAll(/"?\$\(([^)]*)\)"?/g, (_, command: string) => {
    inner.push(command);
    return '$(…)';
  });
  return [outer, ...inner].flatMap((text) =>
    text.split(' | ').map((part) => {
      const words = wordsOf(part);
      const redirection = words.indexOf('>');
      return redirection < 0 ? words : words.slice(0, redirection);
    }),
  );
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
  for (const [word] of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
    if (word.startsWith('#')) break;
    words.push(word.replace(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? ''));
  }
  return words;
}
