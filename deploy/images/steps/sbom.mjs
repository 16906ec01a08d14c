// The bill of materials of an image, as CycloneDX 1.6: npm packages that were installed, crates in the addon, Python wheels that libtorch
// comes from. Usage: node sbom.mjs SERVICE SOURCE APP
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [service, source, app] = process.argv.slice(2);
const read = (path) => readFileSync(path, 'utf8');

function npmComponents() {
  const { packages } = JSON.parse(read(join(app, 'node_modules', '.package-lock.json')));
  return Object.entries(packages).flatMap(([path, { version, license, integrity, link }]) => {
    if (link === true || !path.includes('node_modules/')) return [];
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const [algorithm, hash] = (integrity ?? '').split('-', 2);
    return {
      type: 'library',
      name,
      version,
      purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
      ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
      ...(algorithm === 'sha512' ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(hash, 'base64').toString('hex') }] } : {}),
    };
  });
}

function crateComponents() {
  const lock = read(join(source, 'native', 'rift-core', 'Cargo.lock'));
  return lock.split('[[package]]').flatMap((block) => {
    const field = (name) => new RegExp(`^${name} = "([^"]+)"`, 'm').exec(block)?.[1];
    const checksum = field('checksum');
    if (checksum === undefined) return [];
    const [name, version] = [field('name'), field('version')];
    return { type: 'library', name, version, purl: `pkg:cargo/${name}@${version}`, hashes: [{ alg: 'SHA-256', content: checksum }] };
  });
}

function wheelComponents() {
  return [...read(join(source, 'scripts', 'lib', 'libtorch-requirements.txt')).matchAll(/^(\S+)==(\S+) --hash=sha256:(\w+)/gm)].map(
    ([, name, version, hash]) => ({
      type: 'library',
      name,
      version,
      purl: `pkg:pypi/${name}@${version}`,
      hashes: [{ alg: 'SHA-256', content: hash }],
    }),
  );
}

const { version } = JSON.parse(read(join(source, 'package.json')));
const native = service === 'orchestrator' ? [] : [...crateComponents(), ...wheelComponents()];
const document = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: { component: { type: 'application', name: `rift-${service}`, version } },
  components: [...npmComponents(), ...native].sort((a, b) => (a.purl < b.purl ? -1 : 1)),
};
process.stdout.write(`${JSON.stringify(document, null, 1)}\n`);
