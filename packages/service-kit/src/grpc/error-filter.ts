import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { currentContext } from '../context.js';
import { Internal, InvalidArgument, ServiceError } from '../errors.js';
import { type Logger } from '../logger.js';

/** What this filter uses of the answer of an HTTP framework. */
interface HttpResponse {
  status(code: number): HttpResponse;
  type(contentType: string): HttpResponse;
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
      response.status(status).type('application/problem+json').json({ status, title: exception.message });
      return;
    }
    const error = this.publicError(exception);
    const { httpStatus: status, reason } = error.kind;
    const errors = error instanceof InvalidArgument ? { errors: error.violations } : {};
    response
      .status(status)
      .type('application/problem+json')
      .json({ status, title: reason, detail: error.message, ...error.fields, ...errors });
  }
}
