// Starts and stops a process: what it stands on, then what its role asks of it, jobs, answers to requests, or both. run.ts makes several of
// these a server.
import type { Config } from '../config/index.js';
import { createApp } from './app.js';
import { observeJobs, observeResources } from './measures.js';
import { withContext } from './platform/context.js';
import { Metrics } from './platform/metrics.js';
import { departures, WebServer } from './platform/web-server.js';
import { type Overrides, openServices, type Services } from './services.js';

export interface Running {
  services: Services;
  metrics: Metrics;
  /** Where it listens; differs from the configuration where that said port 0, and is 0 where it only does jobs. */
  port: number;
  /** @param departure `retire` where others go on at the same address: readiness stays, and clients leave when they like. @param lastWords said when all is answered and nothing is closed yet. */
  close(departure?: keyof typeof departures, lastWords?: () => Promise<void>): Promise<void>;
}

/** @throws Error when the database, the port or a file of the configuration is not to be had. */
export async function start(config: Config, overrides: Overrides = {}): Promise<Running> {
  const services = await openServices(config, overrides);
  try {
    await services.migrate();
    const tenant = await services.tenants.ensureDefault();
    await services.keys.ensure(tenant.id);
    await services.invalidation.start();
    await services.webhookListening.load();
    if (config.role !== 'web')
      await services.auditArchive
        ?.prepare?.()
        .catch((error: unknown) =>
          services.logger.error('the folder of the audit archive is not to be had', { error }),
        );
    if (config.role !== 'web') await services.jobs.start();
    if (config.role !== 'web') services.webhookSender.start();
    const web = config.role === 'jobs' ? undefined : await openDoors(config, services);
    const metrics = web?.metrics ?? withoutDoors(services);
    if (config.role !== 'web') observeJobs(metrics, services);
    if (config.environment !== 'test' && config.metricsPort !== undefined)
      await metrics.serve(config.metricsPort, config.host);

    const leave = async (departure: keyof typeof departures, lastWords?: () => Promise<void>) => {
      services.eventStreams.close();
      await Promise.all([web?.leave(departure), services.jobs.stop(), services.webhookSender.stop()]);
      await lastWords?.();
      await metrics.close();
      await services.close();
    };
    let leaving: Promise<void> | undefined;
    return {
      services,
      metrics,
      port: web?.port ?? 0,
      close(departure = 'drain', lastWords) {
        // Who retires at leisure may be told to hurry.
        if (leaving) void web?.leave(departure);
        leaving ??= leave(departure, lastWords);
        return leaving;
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

async function openDoors({ tls, port, host, drainDelayMs, mutualTls }: Config, services: Services) {
  const app = createApp(services);
  const server = new WebServer(tls, app.handler);
  // RFC 8705 §5: a listener of its own, or browsers would ask people for certificates.
  const ofCertificates =
    tls && mutualTls?.port !== undefined
      ? new WebServer({ ...tls, clientCertificates: { ca: mutualTls.ca } }, app.handler)
      : undefined;
  const servers = [server, ...(ofCertificates ? [ofCertificates] : [])];
  if (mutualTls?.port !== undefined) await ofCertificates?.listen(mutualTls.port, host);
  return {
    metrics: app.metrics,
    port: await server.listen(port, host),
    async leave(departure: keyof typeof departures) {
      for (const one of servers) one.sendAway();
      if (departure === 'drain') {
        app.drain();
        // Requests are still answered: a balancer asks for readiness every few seconds, and sends to us until it has.
        await new Promise((resolve) => setTimeout(resolve, drainDelayMs));
      }
      await Promise.all(servers.map((one) => one.stop(departures[departure])));
    },
  };
}

function withoutDoors(services: Services): Metrics {
  const metrics = new Metrics({ routes: [] });
  observeResources(metrics, services);
  return metrics;
}
