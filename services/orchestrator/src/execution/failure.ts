import type { Failure } from '@rift/contracts';
import { InvalidArgument, ServiceError } from '@rift/service-kit';

/** What users are told of an error that ended a stage or a run. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ServiceError) {
    const field = error instanceof InvalidArgument ? (error.violations[0]?.field ?? '') : '';
    return { code: error.kind.reason, message: error.message, field };
  }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), field: '' };
}
