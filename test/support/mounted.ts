// Every route of the doors, read from the application as it is wired: what nobody has listed is found.
import type Koa from 'koa';
import { createApp } from '../../src/app.js';
import type { TestServer } from './server.js';

interface Layer {
  methods: string[];
  path: string;
}

/** `GET /account` and the like; what the engine and the management API answer is in lists of their own. */
export const mountedRoutes = ({ services }: TestServer): string[] =>
  createApp(services)
    .koa.middleware.flatMap((one) => (one as Koa.Middleware & { router?: { stack: Layer[] } }).router?.stack ?? [])
    .flatMap(({ methods, path }) => methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${path}`));
