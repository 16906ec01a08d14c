import type { OpenApiDocument, OperationObject } from '../rest/openapi/document.js';
import type { Schema } from '../rest/openapi/schemas.js';
import { html, type Content, type Html } from '../report/page/html.js';
import { section, table } from '../report/page/parts.js';
import type { Page } from './layout.js';

/** The REST API to be browsed: every operation, its parameters and messages. */
export function apiPage(document: OpenApiDocument): Page {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return {
    title: 'REST API',
    place: 'api',
    lead: html`<p>The gRPC API as JSON over HTTP: the same messages, names and rules.</p>`,
    actions: html`<a class="button" href="/api/openapi.json">openapi.json</a>`,
    body: [
      section({
        id: 'using',
        title: 'How to use it',
        body: html`<pre tabindex="0"><code>curl -s localhost:8080/api/v1/runs?pageSize=5
curl -s localhost:8080/api/v1/runs -H 'content-type: application/json' -d '{
  "requestId": "'$(uuidgen)'",
  "settings": { "network": "resnet18-at", "dataset": "cifar10", "profile": "PROFILE_SOUND" }
}'
curl -sN localhost:8080/api/v1/runs/$RUN/events
curl -s -T net.pth -H 'content-type: application/octet-stream' localhost:8080/api/v1/artifacts/$(sha256sum net.pth | cut -c1-64)</code></pre>
          <p>
            Where the service asks for tokens, send <code>authorization: Bearer TOKEN</code>. Names are in camelCase, enums by name, bytes
            in base64, times in ISO 8601; accuracies are fractions. A refusal is a problem of RFC 9457 whose <code>errors</code> name every
            field at fault:
          </p>
          <pre
            tabindex="0"
          ><code>{ "status": 400, "title": "INVALID_ARGUMENT", "detail": "settings.seed is -1: must be a whole number from 0 to 4294967295",
  "errors": [{ "field": "settings.seed", "value": "-1", "rule": "must be a whole number from 0 to 4294967295" }] }</code></pre>`,
      }),
      ...document.tags.map(({ name }) =>
        section({
          id: slug(name),
          title: name,
          body: operations
            .filter(({ operation }) => operation.tags.includes(name))
            .map(({ path, method, operation }) => endpoint(path, method, operation)),
        }),
      ),
      section({
        id: 'messages',
        title: 'Messages',
        body: Object.entries(document.components.schemas).map(([name, schema]) => message(name, schema)),
      }),
    ],
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function slug(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

function endpoint(path: string, method: string, operation: OperationObject): Html {
  const body = Object.entries((operation.requestBody?.['content'] ?? {}) as Record<string, { schema: Schema }>)[0];
  const answers = Object.entries(operation.responses);
  return html`<details class="endpoint" id="${operation.operationId}">
    <summary><b class="verb ${method}">${method.toUpperCase()}</b><code>${path}</code><span>${operation.summary}</span></summary>
    <div>
      <p>${operation.description}</p>
      ${
        operation.parameters.length > 0 &&
        table({
          caption: 'Parameters',
          head: ['Name', 'In', 'Type', 'Meaning'],
          wordColumns: 4,
          rows: operation.parameters.map((parameter): Content[] => [
            html`<code>${parameter.name}</code>`,
            parameter.in,
            typeWords(parameter.schema),
            parameter.description,
          ]),
        })
      }
      ${
        body &&
        html`<p>Body: <code>${body[0]}</code>, ${typeWords(body[1].schema)}.</p>
          ${body[1].schema['properties'] !== undefined && fieldTable(body[1].schema)}`
      }
      ${table({
        caption: 'Answers',
        head: ['Status', 'Content', 'Meaning'],
        wordColumns: 3,
        rows: answers.map(([status, answer]): Content[] => {
          const [type, content] = Object.entries((answer['content'] ?? {}) as Record<string, { schema?: Schema }>)[0] ?? [];
          return [
            status,
            type === undefined ? '–' : html`<code>${type}</code>`,
            html`${textOf(answer['description'])}${content?.schema && html` ${typeWords(content.schema)}`}`,
          ];
        }),
      })}
    </div>
  </details>`;
}

function message(name: string, schema: Schema): Html {
  const description = textOf(schema['description']);
  const [summary = ''] = description.split(/(?<=\.)\s/, 1);
  const rest = description.slice(summary.length).trim();
  return html`<details class="endpoint" id="schema-${name}">
    <summary><b class="verb">{ }</b><code>${name}</code><span>${summary}</span></summary>
    <div>${rest !== '' && html`<p>${description}</p>`}${fieldTable(schema)}</div>
  </details>`;
}

function fieldTable(schema: Schema): Content {
  const fields = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
  if (fields.length === 0) return html`<p class="quiet">No fields.</p>`;
  return table({
    caption: 'Fields',
    head: ['Name', 'Type', 'Meaning'],
    wordColumns: 3,
    rows: fields.map(([name, field]): Content[] => [html`<code>${name}</code>`, typeWords(field), textOf(field['description'])]),
  });
}

/** A type in words, with a link to the message it names. */
function typeWords(schema: Schema): Content {
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    const name = reference.slice(reference.lastIndexOf('/') + 1);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (schema['anyOf'] !== undefined) return 'number';
  if (schema['enum'] !== undefined) return 'one of the values';
  if (schema['type'] === 'array') return html`list of ${typeWords(schema['items'] as Schema)}`;
  if (schema['type'] === 'object' && schema['additionalProperties'])
    return html`map to ${typeWords(schema['additionalProperties'] as Schema)}`;
  if (schema['contentEncoding'] !== undefined) return 'base64';
  if (schema['format'] === 'date-time') return 'time';
  return typeof schema['type'] === 'string' ? schema['type'] : '';
}
