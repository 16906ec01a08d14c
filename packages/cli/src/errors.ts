import { ExitCode, InvalidArgument, ServiceError, type ErrorKind } from '@rift/service-kit/client';

/** The command line's own exit codes beside those of the services' errors. */
export const GATE_FAILED_EXIT = 6;

/** The command was typed wrongly; nothing was started. */
export class UsageError extends ServiceError {
  readonly kind: ErrorKind = { reason: 'USAGE', grpcCode: 3, httpStatus: 400, exitCode: ExitCode.usage };

  constructor(message: string) {
    super(message, { message });
  }
}

/** A measured accuracy is below the one that was asked for. */
export class GateFailed extends ServiceError {
  readonly kind: ErrorKind = { reason: 'GATE_FAILED', grpcCode: 9, httpStatus: 409, exitCode: GATE_FAILED_EXIT };

  constructor(message: string) {
    super(message, { message });
  }
}

/** A run ended without success; says which stage and why. */
export class RunFailed extends ServiceError {
  readonly kind: ErrorKind;

  /** @param exitCode the exit code of the failure's class, so that a script can tell bad input from a crash */
  constructor(
    readonly runId: string,
    message: string,
    reason: string,
    exitCode: number,
  ) {
    super(message, { runId });
    this.kind = { reason, grpcCode: 9, httpStatus: 409, exitCode };
  }
}

/** Some runs of a study failed; the others are written. */
export class StudyIncomplete extends ServiceError {
  readonly kind: ErrorKind = { reason: 'STUDY_INCOMPLETE', grpcCode: 9, httpStatus: 409, exitCode: ExitCode.failed };

  constructor(failed: number, all: number) {
    super(`${failed} of ${all} runs failed; the table says why. Run the same command again to try them once more.`, {
      failed: String(failed),
      all: String(all),
    });
  }
}

/** The command was typed wrongly: one sentence that says what is wrong and what to type. */
export function usageError(message: string): UsageError {
  return new UsageError(message);
}

/** A file, network or data set cannot be used. */
export function invalidInput(field: string, value: string, rule: string): InvalidArgument {
  return new InvalidArgument(field, value, rule);
}

const EXIT_OF_STATUS: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: ExitCode.invalidInput,
  ALREADY_EXISTS: ExitCode.invalidInput,
  OUT_OF_RANGE: ExitCode.invalidInput,
  NOT_FOUND: ExitCode.notFound,
  UNAVAILABLE: ExitCode.unavailable,
  DEADLINE_EXCEEDED: ExitCode.unavailable,
  RESOURCE_EXHAUSTED: ExitCode.unavailable,
  CANCELLED: ExitCode.cancelled,
};

/** The exit code of a failure that a run reports by the name of its gRPC status. */
export function exitCodeOfStatus(code: string): number {
  return EXIT_OF_STATUS[code] ?? ExitCode.failed;
}
