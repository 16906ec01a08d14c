import {
  Cancelled,
  FailedPrecondition,
  Internal,
  InvalidArgument,
  NotFound,
  ResourceExhausted,
  ServiceError,
} from '@rift/service-kit/client';

import type { NativeFailure } from './native.js';

function parsed(error: unknown): NativeFailure | undefined {
  if (!(error instanceof Error) || !error.message.startsWith('{')) return undefined;
  try {
    const failure = JSON.parse(error.message) as Partial<NativeFailure>;
    return typeof failure.code === 'string' && typeof failure.message === 'string' ? (failure as NativeFailure) : undefined;
  } catch {
    return undefined;
  }
}

/** "HEAD SEPARATOR TAIL" of a message of the engine, whose variants have fixed forms. */
function around(message: string, separator: string): [head: string, tail: string] | undefined {
  const at = message.indexOf(separator);
  return at < 0 ? undefined : [message.slice(0, at), message.slice(at + separator.length)];
}

/**
 * The error class that the services speak, of what the addon threw. Anything but an engine's failure is Internal.
 * @param operation what was being done, for a cancelled job
 */
export function fromNative(error: unknown, operation: string): ServiceError {
  if (error instanceof ServiceError) return error;
  const options = { cause: error };
  const failure = parsed(error);
  if (failure === undefined) return new Internal(`the engine failed: ${error instanceof Error ? error.message : String(error)}`, options);
  const { code, message } = failure;
  switch (code) {
    case 'InvalidArgument':
      return new InvalidArgument(failure.field ?? 'request', failure.value ?? '', failure.rule ?? message, options);
    case 'InvalidFile': {
      const [path, reason] = around(message, ': ') ?? ['', message];
      return new InvalidArgument('file', path, reason, options);
    }
    case 'NotFound': {
      const [what, rest] = around(message, ' not found: ') ?? ['what was asked for', message];
      const [name, hint] = around(rest, '; ') ?? [rest, ''];
      return new NotFound(what, name, hint, options);
    }
    case 'ResourceExhausted': {
      const [resource, detail] = around(message, ' exhausted: ') ?? ['a resource', message];
      return new ResourceExhausted(resource, detail, undefined, options);
    }
    case 'FailedPrecondition': {
      const [subject, rule] = around(message, ': ') ?? ['this machine', message];
      return new FailedPrecondition(subject, rule, options);
    }
    case 'Cancelled':
      return new Cancelled(operation, options);
    default:
      return new Internal(message, options);
  }
}
