// The workspaces that a service is made of: itself and, from there on, every @rift package that it depends on. One path a line.
// Usage: node workspaces.mjs SOURCE services/NAME
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [source, service] = process.argv.slice(2);
const { packages } = JSON.parse(readFileSync(join(source, 'package-lock.json'), 'utf8'));
const folderOf = (name) => packages[`node_modules/${name}`]?.resolved;

const found = new Set();
const visit = (folder) => {
  if (folder === undefined || found.has(folder)) return;
  found.add(folder);
  const { dependencies = {} } = JSON.parse(readFileSync(join(source, folder, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) if (name.startsWith('@rift/')) visit(folderOf(name));
};
visit(service);
process.stdout.write(`${[...found].join('\n')}\n`);
