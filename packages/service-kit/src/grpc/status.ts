import { Metadata, status as Code, type StatusObject } from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import {
  AlreadyExists,
  Cancelled,
  DeadlineExceeded,
  FailedPrecondition,
  Internal,
  InvalidArgument,
  NotFound,
  PermissionDenied,
  ResourceExhausted,
  ServiceError,
  Unauthenticated,
  Unavailable,
} from '../errors.js';

const DETAILS_KEY = 'grpc-status-details-bin';
const TYPE_PREFIX = 'type.googleapis.com/';
const MAX_DETAILS_BYTES = 7000;

/** protobuf.js keeps the spelling of the field in its built-in Any. */
interface Any {
  type_url: string;
  value: Uint8Array;
}
interface StatusMessage {
  code: number;
  message: string;
  details: Any[];
}
interface ErrorInfo {
  reason: string;
  domain: string;
  metadata: Record<string, string>;
}
interface BadRequest {
  fieldViolations: { field: string; description: string }[];
}
interface RetryInfo {
  retryDelay: { seconds: string; nanos: number } | null;
}

const definitions = loadSync(fileURLToPath(new URL('../../proto/google/rpc/status.proto', import.meta.url)), {
  longs: String,
  defaults: true,
});

function messageType<T>(name: string): MessageTypeDefinition<T, T> {
  return definitions[name] as unknown as MessageTypeDefinition<T, T>;
}

const statusType = messageType<StatusMessage>('google.rpc.Status');
const errorInfoType = messageType<ErrorInfo>('google.rpc.ErrorInfo');
const badRequestType = messageType<BadRequest>('google.rpc.BadRequest');
const retryInfoType = messageType<RetryInfo>('google.rpc.RetryInfo');

function pack<T>(name: string, type: MessageTypeDefinition<T, T>, value: T): Any {
  return { type_url: `${TYPE_PREFIX}${name}`, value: type.serialize(value) };
}

function unpack<T>(details: readonly Any[], name: string, type: MessageTypeDefinition<T, T>): T | undefined {
  const found = details.find((any) => any.type_url === `${TYPE_PREFIX}${name}`);
  return found && type.deserialize(Buffer.from(found.value));
}

function detailsOf(error: ServiceError, domain: string): Any[] {
  const metadata: Record<string, string> = { ...error.fields };
  const details: Any[] = [];
  if (error instanceof InvalidArgument) {
    error.violations.forEach(({ value }, index) => (metadata[`value.${index}`] = value));
    const fieldViolations = error.violations.map(({ field, rule }) => ({ field, description: rule }));
    details.push(pack('google.rpc.BadRequest', badRequestType, { fieldViolations }));
  }
  if (error instanceof ResourceExhausted && error.retryAfterMs !== undefined) {
    const retryDelay = { seconds: String(Math.floor(error.retryAfterMs / 1000)), nanos: Math.round((error.retryAfterMs % 1000) * 1e6) };
    details.push(pack('google.rpc.RetryInfo', retryInfoType, { retryDelay }));
  }
  details.unshift(pack('google.rpc.ErrorInfo', errorInfoType, { reason: error.kind.reason, domain, metadata }));
  return details;
}

/** What a gRPC server ends a call with: grpc-js reads `code`, `details` and `metadata` of the error. */
export type GrpcFailure = Error & StatusObject;

/**
 * The gRPC status of an error, with google.rpc details in `grpc-status-details-bin`.
 * Details that would not fit into a header block are left out; code and message always go.
 * @param domain ErrorInfo.domain: the name of the service that answers
 */
export function toGrpcFailure(error: ServiceError, domain: string): GrpcFailure {
  const code = error.kind.grpcCode as Code;
  const metadata = new Metadata();
  const message = headerText(error.message);
  const bytes = statusType.serialize({ code, message, details: detailsOf(error, domain) });
  if (bytes.length <= MAX_DETAILS_BYTES) metadata.set(DETAILS_KEY, bytes);
  return Object.assign(new Error(message), { code, details: message, metadata });
}

/** HTTP/2 limits a header block to some 8 KiB; grpc-js percent-encodes what is not ASCII. */
function headerText(message: string): string {
  const limit = 1500;
  return message.length > limit ? `${message.slice(0, limit)}…` : message;
}

function isStatus(error: unknown): error is Error & Partial<StatusObject> & { code: number } {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}

/**
 * The same class of error that the server threw, from what grpc-js reports on the client side.
 * An error that is a ServiceError already is returned as it is; anything that is no gRPC status is Internal.
 * @param target who was called; named by Unavailable when the other side sent no details
 */
export function fromGrpcFailure(error: unknown, target: string): ServiceError {
  if (error instanceof ServiceError) return error;
  if (!isStatus(error)) return new Internal(error instanceof Error ? error.message : String(error), { cause: error });
  const bytes = error.metadata?.get(DETAILS_KEY)[0];
  if (Buffer.isBuffer(bytes)) {
    const details = statusType.deserialize(bytes).details;
    const info = unpack(details, 'google.rpc.ErrorInfo', errorInfoType);
    if (info !== undefined) return restored(info, details, error);
  }
  return byCode(error.code, error.details ?? error.message, target, error);
}

function restored(info: ErrorInfo, details: readonly Any[], cause: Error & Partial<StatusObject> & { code: number }): ServiceError {
  const field = (name: string): string => info.metadata[name] ?? '';
  const options = { cause };
  switch (info.reason) {
    case 'INVALID_ARGUMENT': {
      const violations = unpack(details, 'google.rpc.BadRequest', badRequestType)?.fieldViolations ?? [];
      return new InvalidArgument(
        violations.map((violation, index) => ({ field: violation.field, value: field(`value.${index}`), rule: violation.description })),
        options,
      );
    }
    case 'NOT_FOUND':
      return new NotFound(field('what'), field('id'), field('advice'), options);
    case 'ALREADY_EXISTS':
      return new AlreadyExists(field('what'), field('id'), field('advice'), options);
    case 'RESOURCE_EXHAUSTED': {
      const delay = unpack(details, 'google.rpc.RetryInfo', retryInfoType)?.retryDelay;
      const milliseconds = delay ? Number(delay.seconds) * 1000 + delay.nanos / 1e6 : undefined;
      return new ResourceExhausted(field('resource'), field('detail'), milliseconds, options);
    }
    case 'FAILED_PRECONDITION':
      return new FailedPrecondition(field('subject'), field('rule'), options);
    case 'UNAVAILABLE':
      return new Unavailable(field('target'), field('detail'), options);
    case 'DEADLINE_EXCEEDED':
      return new DeadlineExceeded(field('operation'), options);
    case 'CANCELLED':
      return new Cancelled(field('operation'), options);
    case 'UNAUTHENTICATED':
      return new Unauthenticated(field('detail'), options);
    case 'PERMISSION_DENIED':
      return new PermissionDenied(field('action'), field('rule'), options);
    case 'INTERNAL':
      return new Internal(field('detail'), options);
    default:
      return byCode(cause.code, cause.details ?? cause.message, info.domain, cause);
  }
}

/** For statuses without our details: raised by grpc-js itself, by a proxy, or by a foreign server. */
function byCode(code: number, text: string, target: string, cause: Error): ServiceError {
  const options = { cause };
  switch (code as Code) {
    case Code.INVALID_ARGUMENT:
    case Code.OUT_OF_RANGE:
      return new InvalidArgument('request', 'refused', text, options);
    case Code.NOT_FOUND:
      return new NotFound('what was asked for', '', text, options);
    case Code.ALREADY_EXISTS:
      return new AlreadyExists('what was sent', '', text, options);
    case Code.RESOURCE_EXHAUSTED:
      return new ResourceExhausted(target, text, undefined, options);
    case Code.FAILED_PRECONDITION:
    case Code.UNIMPLEMENTED:
      return new FailedPrecondition(target, text, options);
    case Code.UNAVAILABLE:
    case Code.ABORTED:
      return new Unavailable(target, text, options);
    case Code.DEADLINE_EXCEEDED:
      return new DeadlineExceeded(`the call to ${target}`, options);
    case Code.CANCELLED:
      return new Cancelled(`the call to ${target}`, options);
    case Code.UNAUTHENTICATED:
      return new Unauthenticated(text, options);
    case Code.PERMISSION_DENIED:
      return new PermissionDenied(`the call to ${target}`, text, options);
    default:
      return new Internal(`${target} failed: ${text}`, options);
  }
}
