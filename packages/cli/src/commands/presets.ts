import { TRAINING_PRESETS } from '@rift/orchestrator/training-presets';
import type { Command } from 'commander';

import { table } from '../output/table.js';
import { example, type StartSession } from './context.js';

/** Adds `rift presets`. */
export function registerPresets(program: Command, start: StartSession): void {
  program
    .command('presets')
    .description('list the published recipes that "rift train --preset" takes; with --json every choice of them')
    .addHelpText('after', example('rift presets', 'rift train --preset mart --data cifar10'))
    .action((_: object, self: Command) => {
      start(self).output.result({ presets: TRAINING_PRESETS }, () =>
        table(
          [{ title: 'preset' }, { title: 'what it is' }, { title: 'source' }],
          TRAINING_PRESETS.map(({ name, summary, source }) => [name, summary, source]),
        ),
      );
    });
}
