// The rules of the tenant that is asked, for signing in.
import type { TestServer } from './server.js';

/** What is not said takes its default. */
export const setPolicy = (server: TestServer, authentication: object) =>
  server.inside(async ({ tenants }) =>
    tenants.update(await tenants.current(), { settings: { authentication } } as never),
  );
