import type { ReportData } from '../data/types.js';
import { count, duration, moment } from '../format.js';
import { html, type Content } from './html.js';
import { digest, facts, table, type Section } from './parts.js';

/** Where every figure comes from and how to make it again. */
export function provenanceSection(data: ReportData): Section {
  const { provenance } = data;
  const { network, dataset } = provenance;
  return {
    id: 'provenance',
    title: 'Where this comes from',
    body: html`${
        provenance.commands.length > 0 &&
        html`<h3>Do it again</h3>
          <pre tabindex="0"><code>${provenance.commands.join('\n')}</code></pre>
          <p class="reading">
            <code>run.json</code> holds every choice of this run and is among the files at the end of this page. Where the service does not
            know network and data set yet, add <code>--network FILE --data FOLDER</code>; their SHA-256 must be those below.
          </p>`
      }
      <h3>Run</h3>
      ${facts([
        ['Run', html`<code>${data.runId}</code>`],
        ...named('Name', data.name),
        ['Profile', provenance.profile],
        ['Seed', String(provenance.seed)],
        ['Created', moment(provenance.createdAt)],
        ['Started', moment(provenance.startedAt)],
        ['Report made', moment(provenance.generatedAt)],
      ])}
      ${
        network &&
        html`<h3>Network</h3>
          ${facts([
            ...named('Name', network.name),
            ['SHA-256', digest(network.digest)],
            ['Architecture', `${network.arch}, width ${network.width}`],
            ['Parameters', count(network.parameters)],
            ['Classes', String(network.classes)],
            ['Input', `${network.inputSize} × ${network.inputSize} pixels, preprocessing ${network.preprocess}`],
            ...network.parents.map((parent): [string, Content] => ['Made from', digest(parent)]),
            ...network.notes.map((note): [string, Content] => ['Note', note]),
          ])}`
      }
      ${
        dataset &&
        html`<h3>Data</h3>
          ${facts([
            ...named('Name', dataset.name),
            ['SHA-256', digest(dataset.digest)],
            ['Classes', String(dataset.classes)],
            ...Object.entries(dataset.splits).map(([split, images]): [string, Content] => [`Split ${split}`, `${count(images)} images`]),
            ...dataset.notes.map((note): [string, Content] => ['Note', note]),
          ])}`
      }
      ${
        provenance.stages.length > 0 &&
        table({
          caption: 'Stages of the run',
          head: ['Stage', 'Kind', 'Time', 'Result'],
          rows: provenance.stages
            .filter(({ kind }) => kind !== 'report')
            .map((stage): Content[] => [
              stage.id,
              stage.kind.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
              duration(stage.seconds),
              stage.cached ? 'known from an earlier run' : 'computed',
            ]),
          wordColumns: 4,
        })
      }
      ${
        provenance.artifacts.length > 0 &&
        table({
          caption: 'Artifacts',
          head: ['Artifact', 'SHA-256'],
          rows: provenance.artifacts.map(({ what, digest: name }): Content[] => [what, digest(name)]),
          wordColumns: 2,
        })
      }
      <h3>Versions and machine</h3>
      ${facts([...entries(provenance.environment.versions), ...entries(provenance.environment.machine), ...entries(provenance.environment.engine)])}
      ${
        provenance.log.length > 0 &&
        html`<details>
          <summary>What happened (${provenance.log.length} lines)</summary>
          <pre
            class="wrapped"
            tabindex="0"
          ><code>${provenance.log.map(({ at, line }) => `${at.slice(11, 19)}  ${line}`).join('\n')}</code></pre>
        </details>`
      }
      <details>
        <summary>Complete settings and plan</summary>
        <pre tabindex="0"><code>${JSON.stringify({ settings: provenance.settings, plan: provenance.plan }, null, 2)}</code></pre>
      </details>`,
  };
}

function named(label: string, name: string): [string, Content][] {
  return name === '' ? [] : [[label, name]];
}

function entries(record: Readonly<Record<string, string>>): [string, Content][] {
  return Object.entries(record);
}
