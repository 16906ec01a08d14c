import type { Progress, RunState, StageStatus } from '@rift/contracts';
import cliProgress from 'cli-progress';

import { duration } from './format.js';
import type { Output } from './output.js';

/** What a stage does, for people; plans may name stages freely, so the name itself stands for unknown ones. */
const TITLES: Readonly<Record<string, string>> = {
  craft: 'adversarial set',
  criticality: 'module criticality',
  'fine-tune': 'fine-tuning',
  interpolate: 'interpolation',
  before: 'accuracies before',
  'before-corruptions': 'corruptions before',
  after: 'accuracies after',
  'after-corruptions': 'corruptions after',
  evaluate: 'evaluation',
  attack: 'attack',
  train: 'adversarial training',
  report: 'report',
};

/** Shows how a run goes. */
export interface ProgressView {
  /** Takes the newest status of a stage. */
  update(status: StageStatus): void;
  /** A line beside the bars. */
  log(line: string): void;
  /** Takes the view away; what is finished stays on the screen. */
  stop(): void;
}

/** The view that fits where the output goes: bars on a terminal, a line now and then elsewhere, nothing when quiet. */
export function progressView(output: Output, now: () => number = Date.now): ProgressView {
  if (output.isQuiet) return { update: () => undefined, log: () => undefined, stop: () => undefined };
  return output.isInteractive ? new BarView(output) : new LineView(output, now);
}

/** The share done, 0 to 1. */
export function share({ done, total }: Pick<Progress, 'done' | 'total'>): number {
  return total === 0 ? 0 : Math.min(1, done / total);
}

/** More figures than this are no longer read. */
const MOST_FIGURES = 4;

/** The newest figures of a progress event in one line: "loss 1.234, standard 81.46 %". What was not measured is negative. */
export function figures(metrics: Readonly<Record<string, number>>): string {
  const isShare = (name: string): boolean => /accuracy|standard|adversarial|robust/i.test(name);
  return Object.entries(metrics)
    .filter(([name, value]) => !isShare(name) || value >= 0)
    .slice(-MOST_FIGURES)
    .map(([name, value]) => {
      const text = isShare(name) && value <= 1 ? `${(value * 100).toFixed(1)} %` : String(Number(value.toPrecision(4)));
      // "pgd, 10 steps: robust after pgd": the phase names the attack already.
      return `${name
        .replace(/^.*: /, '')
        .replace(/([a-z])([A-Z])/g, '$1 $2')
        .toLowerCase()} ${text}`;
    })
    .join(', ');
}

const title = (id: string): string => TITLES[id] ?? id;

function ending(status: StageStatus): string {
  const words: Partial<Record<RunState, string>> = {
    RUN_STATE_SUCCEEDED: status.cached ? 'known from an earlier run' : `done in ${duration(status.seconds)}`,
    RUN_STATE_FAILED: 'failed',
    RUN_STATE_CANCELLED: 'cancelled',
  };
  return words[status.state] ?? '';
}

/** What a line of a run's log tells of: a stage by its title, or the run. */
function told(line: string): { readonly id: string; readonly text: string } {
  const [, id = '', rest = ''] = /^([^\s:]+): (.*)$/s.exec(line) ?? [];
  return id === '' ? { id, text: line } : { id, text: `${title(id)}: ${rest}` };
}

/**
 * The stages that have ended. How one ended is told by the next line of its log, which knows the figures; a service that writes no such
 * line has its ends told in our own words.
 */
class Endings {
  readonly #states = new Map<string, StageStatus>();
  readonly #untold = new Set<string>();

  /** Takes a status. @returns whether the stage has ended, and the stages whose end nobody has told although others went on */
  take(status: StageStatus): { readonly hasEnded: boolean; readonly untold: readonly StageStatus[] } {
    const others = [...this.#untold].filter((id) => id !== status.id);
    const hasEnded = ending(status) !== '';
    const isNews = this.#states.get(status.id)?.state !== status.state;
    this.#states.set(status.id, status);
    if (hasEnded && isNews) this.#untold.add(status.id);
    return { hasEnded, untold: this.#tell(others) };
  }

  /** Takes a line of the log. @returns the status of the stage whose end it tells */
  line(id: string): StageStatus | undefined {
    return this.#untold.delete(id) ? this.#states.get(id) : undefined;
  }

  /** The stages whose end nobody has told. */
  rest(): readonly StageStatus[] {
    return this.#tell([...this.#untold]);
  }

  #tell(ids: readonly string[]): StageStatus[] {
    return ids.flatMap((id) => this.line(id) ?? []);
  }
}

/** One line when a stage begins and ends, and one every few seconds while it runs. */
class LineView implements ProgressView {
  static readonly #intervalMs = 5_000;
  readonly #endings = new Endings();
  readonly #printedAt = new Map<string, number>();

  constructor(
    private readonly output: Output,
    private readonly now: () => number,
  ) {}

  update(status: StageStatus): void {
    const { hasEnded, untold } = this.#endings.take(status);
    this.#tell(untold);
    if (hasEnded) return;
    if (status.state !== 'RUN_STATE_RUNNING' || status.progress === null) return;
    const last = this.#printedAt.get(status.id) ?? Number.NEGATIVE_INFINITY;
    if (this.now() - last < LineView.#intervalMs) return;
    this.#printedAt.set(status.id, this.now());
    this.output.note(this.#line(status.id, status.progress));
  }

  #line(id: string, progress: Progress): string {
    const parts = [`${(share(progress) * 100).toFixed(0)} %`, `${progress.done}/${progress.total} ${progress.unit}`, progress.phase];
    if (progress.remainingSeconds >= 0) parts.push(`${duration(progress.remainingSeconds)} left`);
    parts.push(figures(progress.metrics));
    return `${title(id)}: ${parts.filter((part) => part !== '').join(', ')}`;
  }

  log(line: string): void {
    const { id, text } = told(line);
    this.#endings.line(id);
    this.output.note(text);
  }

  #tell(ended: readonly StageStatus[]): void {
    for (const status of ended) this.output.note(`${title(status.id)}: ${ending(status)}`);
  }

  stop(): void {
    this.#tell(this.#endings.rest());
    this.#printedAt.clear();
  }
}

/** Columns of a bar's title, bar, percentage and time left. */
const TAKEN_COLUMNS = 20 + 1 + 24 + 8 + 20;

/** A bar for each stage that runs; finished ones stay as a line above. */
class BarView implements ProgressView {
  readonly #bars = new Map<string, cliProgress.SingleBar>();
  readonly #endings = new Endings();
  readonly #multi: cliProgress.MultiBar;

  constructor(private readonly output: Output) {
    this.#multi = new cliProgress.MultiBar(
      {
        stream: output.errorStream,
        format: '{title} {bar} {percentage} %  {left}  {detail}',
        barsize: 24,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        // The command itself decides what Ctrl-C does; a hidden cursor would stay hidden after the second one.
        gracefulExit: false,
        hideCursor: false,
        clearOnComplete: true,
        stopOnComplete: false,
        forceRedraw: true,
        emptyOnZero: true,
        fps: 8,
      },
      cliProgress.Presets.shades_classic,
    );
  }

  update(status: StageStatus): void {
    const { hasEnded, untold } = this.#endings.take(status);
    this.#tell(untold);
    if (hasEnded) {
      const bar = this.#bars.get(status.id);
      if (bar !== undefined) this.#multi.remove(bar);
      this.#bars.delete(status.id);
      return;
    }
    if (status.state !== 'RUN_STATE_RUNNING') return;
    const progress = status.progress;
    const payload = {
      title: title(status.id).padEnd(20),
      left: progress !== null && progress.remainingSeconds >= 0 ? `${duration(progress.remainingSeconds)} left` : '',
      detail: this.#clipped(progress === null ? '' : [progress.phase, figures(progress.metrics)].filter((part) => part !== '').join('  ')),
    };
    const bar = this.#bars.get(status.id) ?? this.#add(status.id, payload);
    bar.update(progress === null ? 0 : Math.round(share(progress) * 1000), payload);
  }

  #add(id: string, payload: object): cliProgress.SingleBar {
    const bar = this.#multi.create(1000, 0, payload);
    this.#bars.set(id, bar);
    return bar;
  }

  /** Cut to what is left of the line: a bar that wraps cannot be redrawn. */
  #clipped(text: string): string {
    const room = Math.max(0, (this.output.errorStream.columns ?? 80) - TAKEN_COLUMNS);
    return text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`;
  }

  #write(line: string): void {
    this.#multi.log(`${line}\n`);
    this.#multi.update();
  }

  log(line: string): void {
    const { id, text } = told(line);
    const ended = this.#endings.line(id);
    this.#write(ended ? `${this.#mark(ended)} ${text}` : this.output.style('dim', `  ${text}`));
  }

  #tell(ended: readonly StageStatus[]): void {
    for (const status of ended) this.#write(`${this.#mark(status)} ${title(status.id)}: ${ending(status)}`);
  }

  #mark({ state }: StageStatus): string {
    return state === 'RUN_STATE_SUCCEEDED' ? this.output.style('green', '✓') : this.output.style('red', '✗');
  }

  stop(): void {
    this.#tell(this.#endings.rest());
    this.#multi.stop();
  }
}
