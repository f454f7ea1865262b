// Starts and stops a process: database, jobs, the server and, in development, the demo application. Workers of one machine come from here.

import { readFileSync } from 'node:fs';
import { createServer as createPlainServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Config } from '../config/index.js';
import { type App, createApp } from './app.js';
import { withContext } from './platform/context.js';
import { type Overrides, openServices, type Services } from './services.js';

/** Milliseconds that requests under way are given when the process stops. */
const drainMs = 20_000;

export interface Running {
  services: Services;
  /** Where it listens; differs from the configuration where that said port 0. */
  port: number;
  close(): Promise<void>;
}

/** @throws Error when the database, the port or a file of the configuration is not to be had. */
export async function start(config: Config, overrides: Overrides = {}): Promise<Running> {
  const services = await openServices(config, overrides);
  try {
    await services.migrate();
    const tenant = await services.tenants.ensureDefault();
    await services.keys.ensure(tenant.id);
    await services.invalidation.start();
    await services.jobs.start();
    const app = createApp(services);
    const server = createServer(config, app.handler);
    const port = await listen(server, config.port, config.host);
    if (config.environment !== 'test') await app.metrics.serve(config.metricsPort, config.host);

    return {
      services,
      port,
      async close() {
        app.drain();
        await stop(server);
        await app.metrics.close();
        await services.close();
      },
    };
  } catch (error) {
    await services.close().catch(() => {});
    throw error;
  }
}

/** Runs work as the tenant `default`, as the command line does. */
export const asDefaultTenant = async <T>(services: Services, work: () => Promise<T>): Promise<T> => {
  const { id: tenantId } = await services.tenants.ensureDefault();
  return withContext({ tenantId, actor: { type: 'system', id: 'ostiary' } }, work);
};

function createServer({ tls }: Config, handler: App['handler']): Server {
  const options = {
    requestTimeout: 30_000,
    headersTimeout: 10_000,
    maxHeaderSize: 16 * 1024,
    keepAliveTimeout: 65_000,
  };
  if (!tls) return createPlainServer(options, handler);
  return createSecureServer(
    { ...options, cert: readFileSync(tls.cert), key: readFileSync(tls.key), minVersion: 'TLSv1.2' },
    handler,
  );
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Takes no new connection, lets requests under way finish, then closes what is left. */
async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearTimeout(timer);
}
