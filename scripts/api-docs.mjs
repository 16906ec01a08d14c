// Writes docs/api.md from the comments in proto/; with --check it only says whether the file is current.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

const root = join(import.meta.dirname, '..');
const target = join(root, 'docs', 'api.md');

/** Packages in the order in which a newcomer needs them. */
const ORDER = ['rift.orchestrator.v1', 'rift.attacker.v1', 'rift.trainer.v1', 'rift.common.v1'];

function load() {
  const tree = new protobuf.Root();
  for (const file of globSync('rift/**/*.proto', { cwd: join(root, 'proto') }).sort()) {
    protobuf.parse(readFileSync(join(root, 'proto', file), 'utf8'), tree, { keepCase: true, alternateCommentMode: true });
  }
  return tree;
}

const text = (comment) => (comment ?? '').replace(/\s+/g, ' ').trim();
const cell = (comment) => text(comment).replaceAll('|', '\\|').replaceAll('<', '&lt;');
const anchor = (name) => name.toLowerCase().replace(/[^a-z0-9 -]/g, '');
const isScalar = (type) => type in protobuf.types.basic;

/** The type of a field with a link to where it is described. */
function typeOf(field, known) {
  const link = (type) => {
    const name = type.split('.').at(-1);
    return isScalar(type) || !known.has(name) ? `\`${type}\`` : `[\`${name}\`](#${anchor(name)})`;
  };
  if (field.map) return `map of \`${field.keyType}\` to ${link(field.type)}`;
  return `${field.repeated ? 'list of ' : field.options?.proto3_optional ? 'optional ' : ''}${link(field.type)}`;
}

function messageDocs(type, known) {
  const lines = [`### ${type.name}`, '', text(type.comment), ''];
  if (type.fieldsArray.length > 0) {
    lines.push('| field | type | meaning |', '| --- | --- | --- |');
    for (const field of type.fieldsArray) {
      const choice = field.partOf && !field.options?.proto3_optional ? `One of \`${field.partOf.name}\`. ` : '';
      lines.push(`| \`${field.name}\` | ${typeOf(field, known)} | ${choice}${cell(field.comment)} |`);
    }
    lines.push('');
  }
  return lines;
}

function enumDocs(type) {
  const values = Object.keys(type.values).map((name) => `| \`${name}\` | ${cell(type.comments[name])} |`);
  return [`### ${type.name}`, '', text(type.comment), '', '| value | meaning |', '| --- | --- |', ...values, ''];
}

function serviceDocs(service) {
  const lines = [`### ${service.name}`, '', text(service.comment), '', '| call | from | to | what it does |', '| --- | --- | --- | --- |'];
  const named = (stream, name) => `${stream ? 'stream of ' : ''}[\`${name}\`](#${anchor(name)})`;
  for (const method of service.methodsArray) {
    const from = named(method.requestStream, method.requestType.split('.').at(-1));
    const to = named(method.responseStream, method.responseType.split('.').at(-1));
    lines.push(`| \`${method.name}\` | ${from} | ${to} | ${cell(method.comment)} |`);
  }
  return [...lines, ''];
}

/** Messages and enums inside a message follow it. */
function* withNested(objects) {
  for (const object of objects) {
    yield object;
    if (object instanceof protobuf.Type) yield* withNested(object.nestedArray);
  }
}

function document() {
  const tree = load();
  const packages = ORDER.map((name) => ({ name, objects: [...withNested(tree.lookup(name).nestedArray)] }));
  const known = new Set(packages.flatMap(({ objects }) => objects.map(({ name }) => name)));
  const lines = [
    '# gRPC API',
    '',
    'Made from the comments in [proto/](../proto) by `npm run docs:api`; a test fails when it is not current. Every service answers',
    '`grpc.health.v1` and server reflection too; [clients.md](clients.md) has examples. Accuracies are fractions in [0, 1], pixels too.',
    '',
    ...packages.flatMap(({ name, objects }) => {
      const services = objects
        .filter((object) => object instanceof protobuf.Service)
        .map((service) => `[${service.name}](#${anchor(service.name)})`);
      return [`- [\`${name}\`](#${anchor(name)})${services.length > 0 ? `: ${services.join(', ')}` : ''}`];
    }),
    '',
  ];
  for (const { name, objects } of packages) {
    lines.push(`## ${name}`, '');
    const rank = (object) => (object instanceof protobuf.Service ? 0 : 1);
    for (const object of [...objects].sort((a, b) => rank(a) - rank(b))) {
      if (object instanceof protobuf.Service) lines.push(...serviceDocs(object));
      else if (object instanceof protobuf.Enum) lines.push(...enumDocs(object));
      else if (object instanceof protobuf.Type) lines.push(...messageDocs(object, known));
    }
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

const made = document();
if (process.argv.includes('--check')) {
  let there = '';
  try {
    there = readFileSync(target, 'utf8');
  } catch {
    // A file that is not there is not current either.
  }
  if (there !== made) {
    process.stderr.write('docs/api.md is not what the comments in proto/ say: run "npm run docs:api".\n');
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, made);
}
