import { MAX_PAGE_SIZE } from '../../messages/page-token.js';
import { methodComment, messageType } from '../contract.js';
import { OPERATIONS, type Operation } from './operations.js';
import { fieldSchema, reference, schemaName, schemaOf, schemasOf, type Schema } from './schemas.js';

const PROBLEM = 'application/problem+json';

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'A field breaks a rule; errors names each of them.',
  401: 'No known token came with the request.',
  403: 'The role of the token is not enough, or the request comes from a page of another site.',
  404: 'There is no such thing.',
  405: 'The address has no such method; Allow names those it has.',
  409: 'The state of things does not allow it, or the name stands for something else already.',
  413: 'The body is too large.',
  415: 'The body is of another type than the one documented.',
  416: 'The artifact ends before the offset.',
  429: 'A limit is reached; try again after Retry-After seconds.',
  503: 'What the service needs for it cannot be reached; try again.',
};

/** Everybody may be refused so. */
const ALWAYS = [401, 403];

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  id: 'Identifier of the run.',
  network: 'Name or SHA-256 of the network.',
  dataset: 'Name or SHA-256 of the data set.',
  digest: 'SHA-256 of the bytes, 64 lower-case hexadecimal digits.',
};

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly Schema[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>>; readonly securitySchemes: Schema };
}

/** One operation in the document. */
export interface OperationObject {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly ParameterObject[];
  readonly requestBody?: Schema;
  readonly responses: Readonly<Record<string, Schema>>;
}

/** A parameter of a path or a query. */
export interface ParameterObject {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly description: string;
  readonly schema: Schema;
}

/** The document of the REST API, made of the contracts and their comments. @param version version of the product */
export function openApiDocument(version: string): OpenApiDocument {
  const paths: Record<string, Record<string, OperationObject>> = {};
  for (const operation of OPERATIONS) (paths[operation.path] ??= {})[operation.method] = operationObject(operation);
  return {
    openapi: '3.1.0',
    info: {
      title: 'RiFT',
      version,
      description:
        'Robust critical fine-tuning as a service. The same messages, names and rules as the gRPC API, as JSON. Refusals are problems of RFC 9457; ' +
        'accuracies are fractions in [0, 1].',
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }, { session: [] }],
    tags: [...new Set(OPERATIONS.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { ...schemasOf(messagesOf()), Problem: PROBLEM_SCHEMA },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of the file RIFT_TOKENS; its role says what it may do.' },
        session: { type: 'apiKey', in: 'cookie', name: 'rift_session', description: 'The session of a browser.' },
      },
    },
  };
}

/** Messages that the document lists: answers whole, requests whole where the address gives none of their fields. */
function messagesOf(): string[] {
  return OPERATIONS.flatMap(({ body, inPath, answer }) => [
    ...(body !== undefined && body !== 'bytes' && !inPath ? [body] : []),
    ...(answer.content === 'events' ? ['rift.orchestrator.v1.WatchRunResponse'] : answer.content.includes('.') ? [answer.content] : []),
  ]);
}

function operationObject(operation: Operation): OperationObject {
  const { rpc, tag, role, note, body, answer } = operation;
  const [service, method] = rpc;
  const comment = methodComment(service, method).replace(/\s+/g, ' ').trim();
  const [summary = method] = comment.split(/(?<=\.)\s/, 1);
  return {
    operationId: method,
    tags: [tag],
    summary: summary.replace(/\.$/, ''),
    description: [comment, note, `Needs the role ${role}.`].filter((part) => part !== undefined).join(' '),
    parameters: [...pathParameters(operation), ...queryParameters(operation)],
    ...(body === undefined ? {} : { requestBody: requestBody(operation, body) }),
    responses: {
      [answer.status]: answerObject(answer.content),
      ...(answer.also === undefined ? {} : { [answer.also]: answerObject(answer.content) }),
      ...Object.fromEntries([...operation.refusals, ...ALWAYS].sort().map((status) => [status, problem(status)])),
    },
  };
}

function pathParameters({ path }: Operation): ParameterObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: PATH_PARAMETERS[name] ?? '',
    schema: { type: 'string', ...(name === 'digest' ? { pattern: '^[0-9a-f]{64}$' } : { minLength: 1 }) },
  }));
}

function queryParameters({ query, inPath = [] }: Operation): ParameterObject[] {
  if (query === undefined) return [];
  return messageType(query)
    .fieldsArray.filter(({ name }) => !inPath.includes(name))
    .map((field) => {
      const { description, ...schema } = fieldSchema(field);
      const limit = field.name === 'pageSize' ? { maximum: MAX_PAGE_SIZE } : {};
      return { name: field.name, in: 'query', required: false, description: String(description), schema: { ...schema, ...limit } };
    });
}

function requestBody({ inPath }: Operation, body: string): Schema {
  if (body === 'bytes') return { required: true, content: { 'application/octet-stream': { schema: {} } } };
  const schema = inPath ? schemaOf(messageType(body), inPath) : reference(body);
  return { required: true, content: { 'application/json': { schema } } };
}

function answerObject(content: string): Schema {
  if (content === 'nothing') return { description: 'Done.' };
  if (content === 'bytes') return { description: 'The bytes.', content: { 'application/octet-stream': { schema: {} } } };
  if (content === 'events') return { description: 'The events.', content: { 'text/event-stream': {} } };
  return { description: schemaName(content), content: { 'application/json': { schema: reference(content) } } };
}

function problem(status: number): Schema {
  return { description: REFUSALS[status] ?? 'Refused.', content: { [PROBLEM]: { schema: { $ref: '#/components/schemas/Problem' } } } };
}

const PROBLEM_SCHEMA: Schema = {
  type: 'object',
  description: 'What is wrong and what to do (RFC 9457).',
  required: ['status', 'title', 'detail'],
  properties: {
    status: { type: 'integer', description: 'The HTTP status.' },
    title: { type: 'string', description: 'The kind of problem, as the gRPC API names it (INVALID_ARGUMENT).' },
    detail: { type: 'string', description: 'One sentence: what is wrong and what to do.' },
    errors: {
      type: 'array',
      description: 'The fields at fault.',
      items: {
        type: 'object',
        required: ['field', 'value', 'rule'],
        properties: {
          field: { type: 'string', description: 'Path of the field in the JSON.' },
          value: { type: 'string', description: 'What it was given, cut when long.' },
          rule: { type: 'string', description: 'What it must be.' },
        },
      },
    },
  },
};
