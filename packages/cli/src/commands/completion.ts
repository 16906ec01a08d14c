import { Argument, type Command } from 'commander';

import { completionModel } from '../completion/model.js';
import { SHELLS, completionScript, type Shell } from '../completion/scripts.js';
import { choose, wordsOf } from '../parse/vocabulary.js';
import { example, type StartSession } from './context.js';

/** Adds `rift completion`. */
export function registerCompletion(program: Command, start: StartSession): void {
  program
    .command('completion')
    .description('print the script that completes rift in a shell')
    .addArgument(new Argument('<shell>', SHELLS.join(', ')).argParser((text: string) => choose(wordsOf(SHELLS), text, 'SHELL')))
    .addHelpText('after', example('source <(rift completion bash)', 'rift completion fish > ~/.config/fish/completions/rift.fish'))
    .action((shell: Shell, _: object, self: Command) => {
      const script = completionScript(shell, completionModel(program));
      start(self).output.result({ shell, script }, () => script.trimEnd());
    });
}
