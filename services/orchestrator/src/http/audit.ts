import type { NextFunction, Request, Response } from 'express';
import type { Logger } from '@rift/service-kit';
import type { Access } from './access.js';

const LOOKING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Writes down who changed what over HTTP, as the gRPC side does for its calls. */
export function auditTrail(access: Pick<Access, 'callerOf'>, logger: Logger) {
  return (request: Request, response: Response, next: NextFunction): void => {
    if (!LOOKING.has(request.method)) {
      response.once('finish', () => {
        logger.info(
          { ...callerOf(access, request), method: request.method, path: request.path, status: response.statusCode, audit: true },
          'audit',
        );
      });
    }
    next();
  };
}

/** Whoever was refused has no name. */
function callerOf(access: Pick<Access, 'callerOf'>, request: Request): { caller: string; role?: string; peer?: string } {
  const peer = request.ip === undefined ? {} : { peer: request.ip };
  try {
    const { name, role } = access.callerOf(request);
    return { caller: name, role, ...peer };
  } catch {
    return { caller: 'unknown', ...peer };
  }
}
