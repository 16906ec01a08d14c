import { Inject, Injectable } from '@nestjs/common';
import { Internal, InvalidArgument, PermissionDenied, ServiceError, Unauthenticated, type Violation } from '@rift/service-kit';
import type { Request, Response } from 'express';
import { Access } from '../http/access.js';
import type { FormState } from './forms/fields.js';
import { renderPage, type Page } from './layout.js';
import type { Rights } from './run/page.js';

/** What every page's route needs: to send pages, to know the visitor, to read forms. */
@Injectable()
export class Site {
  constructor(@Inject(Access) private readonly access: Access) {}

  send(request: Request, response: Response, page: Page, status = 200): void {
    const canLogOut = this.access.isGuarded && this.access.may(request, 'read') && request.headers.authorization === undefined;
    response
      .status(status)
      .type('html')
      .send(renderPage({ ...page, canLogOut }));
  }

  rightsOf(request: Request): Rights {
    return { maySubmit: this.access.may(request, 'submit'), mayDelete: this.access.may(request, 'admin') };
  }

  /**
   * Does what a form asks for; what is wrong is shown with the form as it was filled in.
   *
   * @param again makes the form's page with the values given and what is wrong.
   */
  async submit(
    request: Request,
    response: Response,
    work: (values: Record<string, string>) => Promise<string>,
    again: (form: FormState) => Promise<Page>,
  ): Promise<void> {
    const values = valuesOf(request);
    try {
      response.redirect(303, await work(values));
    } catch (error) {
      if (error instanceof InvalidArgument) {
        this.send(request, response, await again({ values, violations: error.violations.map(inForm) }), 400);
        return;
      }
      // A folder that is not there, a name that is taken, a service that is away: what was typed stays, to be mended or sent again.
      const isOfCaller = error instanceof PermissionDenied || error instanceof Unauthenticated;
      if (!(error instanceof ServiceError) || isOfCaller || error instanceof Internal) throw error;
      const problem = `${error.message.charAt(0).toUpperCase()}${error.message.slice(1).replace(/\.$/, '')}.`;
      this.send(request, response, await again({ values, violations: [], problem }), error.kind.httpStatus);
    }
  }
}

/** The texts of a form. */
function valuesOf(request: Request): Record<string, string> {
  const body = (request.body ?? {}) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(body).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])));
}

/** Fields are named in camelCase on pages, in snake_case by the gRPC API. */
function inForm({ field, ...rest }: Violation): Violation {
  return { field: field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), ...rest };
}

/** A path of this site to go to after a login; anything else is the list of runs. */
export function safeNext(next: unknown): string {
  return typeof next === 'string' && /^\/(?![/\\])[\x21-\x7e]*$/.test(next) ? next : '/runs';
}
