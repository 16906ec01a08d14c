import { Inject, Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Internal } from '@rift/service-kit';
import type { Request } from 'express';
import type { Role } from '../security.js';
import { Access } from './access.js';

const KEY = 'rift:needs';

/** The least powerful role that may call a route; 'nobody' for routes that are open to all. */
export const Needs = (role: Role | 'nobody'): MethodDecorator => SetMetadata(KEY, role);

/** Lets callers of HTTP routes in by their role. A route that does not say which role it needs is a defect and stays closed. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(Access) private readonly access: Access,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const needed = this.reflector.get<Role | 'nobody' | undefined>(KEY, context.getHandler());
    if (needed === undefined) throw new Internal(`The route ${context.getClass().name}.${context.getHandler().name} names no role.`);
    const request = context.switchToHttp().getRequest<Request>();
    if (needed === 'nobody') {
      this.access.count(request);
      return true;
    }
    await this.access.identify(request);
    this.access.admit(request, needed);
    return true;
  }
}
