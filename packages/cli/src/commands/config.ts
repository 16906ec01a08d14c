import type { Command } from 'commander';
import process from 'node:process';

import { table } from '../output/table.js';
import { PRECISIONS, wordFor } from '../parse/vocabulary.js';
import { configFiles } from '../settings/config-file.js';
import { SETTINGS, type SettingKey } from '../settings/settings.js';
import type { Session } from '../session.js';
import { example, type StartSession } from './context.js';

/** Adds `rift config`. */
export function registerConfig(program: Command, start: StartSession): void {
  program
    .command('config')
    .description('show every setting, its value, and whether flag, variable or file gave it')
    .addHelpText('after', example('rift config'))
    .action((_: object, self: Command) => showConfig(start(self)));
}

function showConfig({ environment, options, output, given }: Session): void {
  const precision = wordFor(PRECISIONS, options.precision);
  const values: Readonly<Record<SettingKey, unknown>> = { ...environment, ...options, precision };
  const settings = SETTINGS.map(({ key, variable, flag }) => {
    const origin = environment.origins.get(key);
    const from = given.has(key) ? (flag ?? '') : (origin?.name ?? 'default');
    return { name: key, value: values[key] ?? null, from, variable, flag };
  });
  const files = configFiles(environment.inherited, process.cwd());
  output.result({ settings, files }, (columns) =>
    table(
      [{ title: 'setting' }, { title: 'value' }, { title: 'from' }, { title: 'variable', optional: true }],
      settings.map(({ name, value, from, variable }) => [name, value === null ? '' : String(value as string | number), from, variable]),
      columns,
    ),
  );
}
