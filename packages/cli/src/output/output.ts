import type { Writable } from 'node:stream';

/** Where a command writes and how. */
export interface OutputOptions {
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** One JSON document on standard output instead of tables. */
  readonly json: boolean;
  /** No progress and no notes; results and errors only. */
  readonly quiet: boolean;
  readonly color: boolean;
}

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const;

/** A way to set off text. */
export type Style = keyof typeof STYLES;

/**
 * What a command says. Results go to standard output: tables, or with `--json` exactly one document. Everything else goes
 * to standard error.
 */
export class Output {
  #written = false;

  constructor(private readonly options: OutputOptions) {}

  /** Whether bars may be drawn: a terminal that nobody asked to be quiet. */
  get isInteractive(): boolean {
    return this.options.stderr.isTTY === true && !this.options.quiet;
  }

  get isQuiet(): boolean {
    return this.options.quiet;
  }

  get isJson(): boolean {
    return this.options.json;
  }

  get hasColor(): boolean {
    return this.options.color;
  }

  get errorStream(): OutputOptions['stderr'] {
    return this.options.stderr;
  }

  /** The text set off, where colours are wanted. */
  style(style: Style, text: string): string {
    if (!this.options.color) return text;
    const [on, off] = STYLES[style];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  }

  /** Columns of the terminal that results go to; what is piped may be of any width. */
  get #columns(): number {
    const { isTTY, columns } = this.options.stdout;
    return isTTY === true ? (columns ?? 80) : Number.POSITIVE_INFINITY;
  }

  /** A line about what is going on. */
  note(text: string): void {
    if (!this.options.quiet) this.options.stderr.write(`${text}\n`);
  }

  /** A line that even a quiet caller has to see. */
  warn(text: string): void {
    this.options.stderr.write(`${text}\n`);
  }

  /**
   * The result of the command, once.
   *
   * @param document what `--json` prints
   * @param human the same for people, whose tables fit into so many columns
   */
  result(document: object, human: (columns: number) => string): void {
    if (this.#written) throw new Error('A command has one result; a second one would break --json.');
    this.#written = true;
    this.options.stdout.write(`${this.options.json ? JSON.stringify(document) : human(this.#columns)}\n`);
  }

  /** The error a command ends with. With `--json` it is the document, unless the result is already out. */
  error(document: object, message: string): void {
    this.options.stderr.write(`${this.style('red', 'error:')} ${message}\n`);
    if (!this.options.json || this.#written) return;
    this.#written = true;
    this.options.stdout.write(`${JSON.stringify(document)}\n`);
  }
}
