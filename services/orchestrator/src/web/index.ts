import type { Provider, Type } from '@nestjs/common';
import { CatalogWeb } from './catalog.web.js';
import { PageErrors } from './page-errors.js';
import { RunsWeb } from './runs.web.js';
import { Site } from './site.js';
import { SiteWeb } from './site.web.js';

/** The web page's routes; the last of them takes what no other route does. */
export const webControllers: Type[] = [RunsWeb, CatalogWeb, SiteWeb];

/** What they need beside the services. */
export const webProviders: Provider[] = [Site, PageErrors];
