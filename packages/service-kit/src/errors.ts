/** Process exit codes, as scripts that call the command line rely on them. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  invalidInput: 3,
  notFound: 4,
  unavailable: 5,
  cancelled: 130,
} as const;

/** What a class of error becomes at each edge: in ErrorInfo.reason, as gRPC status, as HTTP status, as exit code. */
export interface ErrorKind {
  readonly reason: string;
  readonly grpcCode: number;
  readonly httpStatus: number;
  readonly exitCode: number;
}

/**
 * An error that may cross a service boundary. Its fields travel as ErrorInfo.metadata, so that the other side gets the same class
 * with the same fields; its message is written for the user: what is wrong, with which value, and what to do.
 */
export abstract class ServiceError extends Error {
  abstract readonly kind: ErrorKind;
  /** The values the message was made from. */
  readonly fields: Readonly<Record<string, string>>;

  protected constructor(message: string, fields: Record<string, string>, options?: ErrorOptions) {
    super(message, options);
    this.fields = Object.freeze({ ...fields });
    this.name = new.target.name;
  }
}

/** One broken rule: the path of the field, the value it was given (as text) and the rule. */
export interface Violation {
  readonly field: string;
  readonly value: string;
  readonly rule: string;
}

/** A field of the request breaks a rule. Sending the same request again cannot help. */
export class InvalidArgument extends ServiceError {
  readonly kind = { reason: 'INVALID_ARGUMENT', grpcCode: 3, httpStatus: 400, exitCode: ExitCode.invalidInput };
  readonly violations: readonly Violation[];

  /** @param rule completes "FIELD is VALUE: …", e.g. "must be between 1 and 1000" */
  constructor(field: string, value: unknown, rule: string, options?: ErrorOptions);
  constructor(violations: readonly Violation[], options?: ErrorOptions);
  constructor(first: string | readonly Violation[], second?: unknown, rule?: string, options?: ErrorOptions) {
    const violations = typeof first === 'string' ? [{ field: first, value: printed(second), rule: rule ?? '' }] : [...first];
    const message = violations
      .map(({ field, value, rule: broken }) => `${field} is ${value === '' ? 'empty' : value}: ${broken}`)
      .join('; ');
    super(message, {}, typeof first === 'string' ? options : (second as ErrorOptions | undefined));
    this.violations = Object.freeze(violations);
  }
}

/** The thing of that kind and name does not exist. */
export class NotFound extends ServiceError {
  readonly kind = { reason: 'NOT_FOUND', grpcCode: 5, httpStatus: 404, exitCode: ExitCode.notFound };

  constructor(
    readonly what: string,
    readonly id: string,
    advice = '',
    options?: ErrorOptions,
  ) {
    super(`${what} ${id} does not exist${advice === '' ? '' : `: ${advice}`}`, { what, id, advice }, options);
  }
}

/** The thing of that kind and name exists already, with other content. */
export class AlreadyExists extends ServiceError {
  readonly kind = { reason: 'ALREADY_EXISTS', grpcCode: 6, httpStatus: 409, exitCode: ExitCode.invalidInput };

  constructor(
    readonly what: string,
    readonly id: string,
    advice = '',
    options?: ErrorOptions,
  ) {
    super(`${what} ${id} exists already${advice === '' ? '' : `: ${advice}`}`, { what, id, advice }, options);
  }
}

/** A limit is reached: queue, device, memory, disk. The same request may succeed later. */
export class ResourceExhausted extends ServiceError {
  readonly kind = { reason: 'RESOURCE_EXHAUSTED', grpcCode: 8, httpStatus: 429, exitCode: ExitCode.unavailable };

  /** @param retryAfterMs when to try again at the earliest, in milliseconds; undefined where nobody can tell */
  constructor(
    readonly resource: string,
    readonly detail: string,
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(`${resource} is exhausted: ${detail}`, { resource, detail }, options);
  }
}

/** The request is right but the state of things does not allow it, and waiting alone does not change that. */
export class FailedPrecondition extends ServiceError {
  readonly kind = { reason: 'FAILED_PRECONDITION', grpcCode: 9, httpStatus: 409, exitCode: ExitCode.failed };

  constructor(
    readonly subject: string,
    readonly rule: string,
    options?: ErrorOptions,
  ) {
    super(`${subject}: ${rule}`, { subject, rule }, options);
  }
}

/** The other side cannot be reached, or is going away. Idempotent calls may be repeated. */
export class Unavailable extends ServiceError {
  readonly kind = { reason: 'UNAVAILABLE', grpcCode: 14, httpStatus: 503, exitCode: ExitCode.unavailable };

  constructor(
    readonly target: string,
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${target} is unavailable: ${detail}`, { target, detail }, options);
  }
}

/** The time given to the operation is over. */
export class DeadlineExceeded extends ServiceError {
  readonly kind = { reason: 'DEADLINE_EXCEEDED', grpcCode: 4, httpStatus: 504, exitCode: ExitCode.unavailable };

  constructor(
    readonly operation: string,
    options?: ErrorOptions,
  ) {
    super(`${operation} did not end within its deadline`, { operation }, options);
  }
}

/** The caller gave the operation up. */
export class Cancelled extends ServiceError {
  readonly kind = { reason: 'CANCELLED', grpcCode: 1, httpStatus: 499, exitCode: ExitCode.cancelled };

  constructor(
    readonly operation: string,
    options?: ErrorOptions,
  ) {
    super(`${operation} was cancelled`, { operation }, options);
  }
}

/** No valid credentials came with the call. */
export class Unauthenticated extends ServiceError {
  readonly kind = { reason: 'UNAUTHENTICATED', grpcCode: 16, httpStatus: 401, exitCode: ExitCode.failed };

  constructor(
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`not authenticated: ${detail}`, { detail }, options);
  }
}

/** The caller is known and may not do that. */
export class PermissionDenied extends ServiceError {
  readonly kind = { reason: 'PERMISSION_DENIED', grpcCode: 7, httpStatus: 403, exitCode: ExitCode.failed };

  constructor(
    readonly action: string,
    readonly rule: string,
    options?: ErrorOptions,
  ) {
    super(`${action} is not allowed: ${rule}`, { action, rule }, options);
  }
}

/** A defect or a broken environment; nothing the caller did. */
export class Internal extends ServiceError {
  readonly kind = { reason: 'INTERNAL', grpcCode: 13, httpStatus: 500, exitCode: ExitCode.failed };

  constructor(message: string, options?: ErrorOptions) {
    // Not named "message": loggers take an object with one for an error and write into it.
    super(message, { detail: message }, options);
  }
}

/** The exit code of a process that ends because of the error. */
export function exitCodeOf(error: unknown): number {
  return error instanceof ServiceError ? error.kind.exitCode : ExitCode.failed;
}

const PRINTED_LENGTH = 200;

/** A value as text for messages and metadata; long ones are cut. */
export function printed(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return text.length > PRINTED_LENGTH ? `${text.slice(0, PRINTED_LENGTH)}…` : text;
}
