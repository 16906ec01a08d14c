import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { Internal, ServiceError, Unauthenticated } from '@rift/service-kit';
import type { Request, Response } from 'express';
import { errorPage } from './small-pages.js';
import { Site } from './site.js';

/** Errors of pages as pages. A visitor without a session is asked for a token first. */
@Catch(ServiceError, HttpException)
export class PageErrors implements ExceptionFilter {
  constructor(@Inject(Site) private readonly site: Site) {}

  catch(error: ServiceError | HttpException, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const request = host.switchToHttp().getRequest<Request>();
    if (response.headersSent) return void response.destroy();
    if (error instanceof Unauthenticated && request.method === 'GET') {
      return response.redirect(303, `/login?next=${encodeURIComponent(request.originalUrl)}`);
    }
    const status = error instanceof ServiceError ? error.kind.httpStatus : error.getStatus();
    const detail = error instanceof Internal ? 'The service has a defect; its log says more.' : error.message;
    this.site.send(request, response, errorPage(status, detail), status);
  }
}
