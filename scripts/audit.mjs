// `npm run audit`: known vulnerabilities in what ships. Findings that do not concern us stand in .ci/advisories.json with a reason and an
// end; everything else fails. Exit codes: 0 clean, 1 findings, 3 an advisory database could not be asked, which is no result.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const allowed = JSON.parse(readFileSync(join(root, '.ci', 'advisories.json'), 'utf8'));
const today = new Date().toISOString().slice(0, 10);
const isAllowed = (id) => allowed.some((entry) => entry.id === id && entry.until >= today);
let worst = 0;

function say(code, text) {
  process.stdout.write(`${text}\n`);
  worst = worst === 1 ? 1 : Math.max(worst, code);
}

function npm() {
  const { stdout } = spawnSync('npm', ['audit', '--json', '--omit=dev'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  let report;
  try {
    report = JSON.parse(stdout);
  } catch {
    report = {};
  }
  if (report.vulnerabilities === undefined)
    return say(3, `npm: the advisory database could not be asked: ${report.message ?? 'no answer'}`);
  const found = Object.values(report.vulnerabilities).flatMap(({ via }) => via.filter((one) => typeof one === 'object'));
  const open = [...new Map(found.map((one) => [one.url, one])).values()].filter(({ url }) => !isAllowed(url.split('/').at(-1)));
  for (const { url, title, name, severity, range } of open) say(1, `npm: ${severity} in ${name} ${range}: ${title} (${url})`);
  if (open.length === 0) say(0, 'npm: nothing known against what ships');
}

function cargo() {
  const cwd = join(root, 'native', 'rift-core');
  if (spawnSync('cargo', ['deny', '--version']).status !== 0)
    return say(3, 'cargo: cargo-deny is not installed (cargo install --locked cargo-deny)');
  const { status, stderr } = spawnSync('cargo', ['deny', '--locked', 'check'], { cwd, encoding: 'utf8' });
  if (/failed to (fetch|clone|acquire)/.test(stderr))
    return say(3, `cargo: the advisory database could not be asked:\n${stderr.slice(-500)}`);
  say(status === 0 ? 0 : 1, status === 0 ? 'cargo: advisories, licences, bans and sources are in order' : `cargo:\n${stderr}`);
}

for (const { id, until } of allowed) if (until < today) say(1, `.ci/advisories.json: ${id} was allowed until ${until}; look at it again`);
npm();
cargo();
process.exitCode = worst;
