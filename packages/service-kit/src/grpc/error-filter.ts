import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { currentContext } from '../context.js';
import { STATUS_CODES } from 'node:http';
import { Internal, InvalidArgument, ResourceExhausted, ServiceError, Unauthenticated, type Violation } from '../errors.js';
import { type Logger } from '../logger.js';

/** What this filter uses of the answer of an HTTP framework. */
interface HttpResponse {
  status(code: number): HttpResponse;
  type(contentType: string): HttpResponse;
  set(name: string, value: string): HttpResponse;
  json(body: unknown): unknown;
  readonly headersSent: boolean;
}

/**
 * The one place where errors of handlers become answers: gRPC statuses through the strategy, RFC 9457 problems on HTTP.
 * What is no ServiceError is a defect: it is logged whole, and the caller learns only where to look.
 */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(exception: unknown, host: ArgumentsHost): Observable<never> | undefined {
    if (host.getType() === 'http') {
      this.#answerHttp(exception, host.switchToHttp().getResponse<HttpResponse>());
      return undefined;
    }
    return throwError(() => this.publicError(exception));
  }

  /** The error as it may leave the service. */
  publicError(exception: unknown): ServiceError {
    if (exception instanceof ServiceError) return exception;
    this.logger.error({ err: exception }, 'unexpected error in a handler');
    const trace = currentContext()?.traceId;
    return new Internal(`unexpected error; its cause is in the log of the service${trace === undefined ? '' : ` under traceId ${trace}`}`);
  }

  #answerHttp(exception: unknown, response: HttpResponse): void {
    if (response.headersSent) return;
    if (exception instanceof HttpException) {
      const status = exception.getStatus();
      const title = STATUS_CODES[status] ?? 'Error';
      response.status(status).type('application/problem+json').json({ status, title, detail: exception.message });
      return;
    }
    const error = this.publicError(exception);
    const { httpStatus: status, reason } = error.kind;
    const errors = error instanceof InvalidArgument ? { errors: error.violations.map(inJson) } : {};
    if (error instanceof Unauthenticated) response.set('www-authenticate', 'Bearer');
    if (error instanceof ResourceExhausted && error.retryAfterMs !== undefined) {
      response.set('retry-after', String(Math.ceil(error.retryAfterMs / 1000)));
    }
    response
      .status(status)
      .type('application/problem+json')
      .json({ status, title: reason, detail: error.message, ...error.fields, ...errors });
  }
}

/** JSON spells fields in camelCase (settings.network_limits → settings.networkLimits); what stands in brackets are values. */
function inJson({ field, ...rest }: Violation): Violation {
  return { field: field.replace(/(?<=[a-z0-9])_([a-z])(?![^[]*\])/g, (_, letter: string) => letter.toUpperCase()), ...rest };
}
