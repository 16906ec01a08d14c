// Finds modules that import each other in a circle: which of them is complete first then depends on who is loaded first.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SOURCES = ['packages/*/src/**/*.ts', 'services/*/src/**/*.ts', 'native/rift-core/ts/**/*.ts', 'test/**/*.ts'];
const BUILT = /(^|\/)(node_modules|dist|generated)\//;

const bringsValues = (clause) =>
  clause === undefined ||
  (!clause.isTypeOnly &&
    (clause.name !== undefined ||
      !ts.isNamedImports(clause.namedBindings) ||
      clause.namedBindings.elements.some((element) => !element.isTypeOnly)));

/** The relative modules that a source needs when it runs; imports of types alone do not count. */
export function importsOf(source, file) {
  const found = [];
  for (const statement of ts.createSourceFile(file, source, ts.ScriptTarget.Latest).statements) {
    const needed =
      (ts.isImportDeclaration(statement) && bringsValues(statement.importClause)) ||
      (ts.isExportDeclaration(statement) && !statement.isTypeOnly && statement.moduleSpecifier !== undefined);
    if (needed && statement.moduleSpecifier.text.startsWith('.'))
      found.push(join(dirname(file), statement.moduleSpecifier.text.replace(/\.js$/, '.ts')));
  }
  return found;
}

/**
 * @param {Map<string, string[]>} graph module → modules it imports
 * @returns {string[][]} one path for each circle found, its first module again at its end
 */
export function cyclesIn(graph) {
  const cycles = [];
  const state = new Map();
  const path = [];
  const visit = (module) => {
    if (state.get(module) === 'done') return;
    if (state.get(module) === 'open') return void cycles.push([...path.slice(path.indexOf(module)), module]);
    state.set(module, 'open');
    path.push(module);
    for (const next of graph.get(module) ?? []) visit(next);
    path.pop();
    state.set(module, 'done');
  };
  for (const module of graph.keys()) visit(module);
  return cycles;
}

/** The import cycles of the whole project, as lines to print. */
export function importCycles(root) {
  const files = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: root })).filter((file) => !BUILT.test(file));
  const graph = new Map(
    files.map((file) => [file, importsOf(readFileSync(join(root, file), 'utf8'), file).filter((target) => existsSync(join(root, target)))]),
  );
  return cyclesIn(graph).map((cycle) => cycle.join(' → '));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = join(import.meta.dirname, '..', '..');
  const cycles = importCycles(root);
  for (const cycle of cycles) process.stdout.write(`import cycle: ${cycle}\n`);
  process.exitCode = cycles.length === 0 ? 0 : 1;
}
