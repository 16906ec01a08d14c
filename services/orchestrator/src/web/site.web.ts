import { Controller, Get, Inject, Param, Post, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { NotFound } from '@rift/service-kit';
import type { Request, Response } from 'express';
import { Access } from '../http/access.js';
import { AccessGuard, Needs } from '../http/needs.js';
import { OPENAPI } from '../rest/fallback.rest.js';
import type { OpenApiDocument } from '../rest/openapi/document.js';
import { apiPage } from './api-page.js';
import { assetOf } from './assets.js';
import { UNTOUCHED } from './forms/fields.js';
import { PageErrors } from './page-errors.js';
import { safeNext, Site } from './site.js';
import { loginPage } from './small-pages.js';

/** What belongs to no other page: assets, the session, the API's page, and addresses that there are not. */
@Controller()
@UseGuards(AccessGuard)
@UseFilters(PageErrors)
export class SiteWeb {
  constructor(
    @Inject(Access) private readonly access: Access,
    @Inject(Site) private readonly site: Site,
    @Inject(OPENAPI) private readonly openApi: OpenApiDocument,
  ) {}

  @Get('assets/:name')
  @Needs('nobody')
  asset(@Param('name') name: string, @Res() response: Response): void {
    const asset = assetOf(name);
    if (!asset) throw new NotFound('file', name);
    response.type(asset.type).set('cache-control', 'public, max-age=31536000, immutable').send(asset.content);
  }

  @Get('api')
  @Needs('nobody')
  api(@Req() request: Request, @Res() response: Response): void {
    this.site.send(request, response, apiPage(this.openApi));
  }

  @Get('login')
  @Needs('nobody')
  loginForm(@Req() request: Request, @Res() response: Response, @Query('next') next?: string): void {
    if (!this.access.isGuarded) return response.redirect(303, '/runs');
    this.site.send(request, response, loginPage(UNTOUCHED, safeNext(next)));
  }

  @Post('login')
  @Needs('nobody')
  async logIn(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.site.submit(
      request,
      response,
      (values) => {
        this.access.logIn(response, values['token']?.trim() ?? '');
        return Promise.resolve(safeNext(values['next']));
      },
      // A token that was refused is not sent back.
      (form) => Promise.resolve(loginPage({ ...form, values: {} }, safeNext(form.values['next']))),
    );
  }

  @Post('logout')
  @Needs('nobody')
  logOut(@Res() response: Response): void {
    this.access.logOut(response);
    response.redirect(303, '/login');
  }

  @Get('*path')
  @Needs('nobody')
  nothing(@Req() request: Request): void {
    throw new NotFound('page', request.path);
  }
}
