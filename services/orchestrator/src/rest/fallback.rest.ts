import { All, Controller, Get, Inject, Req, Res, UseGuards } from '@nestjs/common';
import { NotFound } from '@rift/service-kit';
import type { Request, Response } from 'express';
import { AccessGuard, Needs } from '../http/needs.js';
import { OPERATIONS } from './openapi/operations.js';
import type { OpenApiDocument } from './openapi/document.js';

/** What the document is provided under. */
export const OPENAPI = Symbol('the OpenAPI document');

const PATHS = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
for (const { path, method } of OPERATIONS) {
  const known = PATHS.get(path) ?? { pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}/?$`), methods: new Set() };
  PATHS.set(path, known);
  known.methods.add(method.toUpperCase());
  if (method === 'get') known.methods.add('HEAD');
}

/** The document, and what is left of the addresses below /api; comes after all others. */
@Controller('api')
@UseGuards(AccessGuard)
export class FallbackRest {
  constructor(@Inject(OPENAPI) private readonly openApi: OpenApiDocument) {}

  @Get('openapi.json')
  @Needs('nobody')
  document(@Res() response: Response): void {
    response.set('cache-control', 'no-cache').json(this.openApi);
  }

  /** @throws NotFound for unknown addresses; answers 405 where only the method is wrong */
  @All('v1/*path')
  @Needs('nobody')
  unknown(@Req() request: Request, @Res() response: Response): void {
    const found = [...PATHS.values()].find(({ pattern }) => pattern.test(request.path));
    if (!found) throw new NotFound('address', request.path, 'see /api for those there are');
    const allowed = [...found.methods].join(', ');
    response
      .status(405)
      .set('allow', allowed)
      .type('application/problem+json')
      .json({ status: 405, title: 'Method Not Allowed', detail: `${request.path} takes ${allowed}` });
  }
}
