// The demo application beside the server: registers itself once as an ordinary client and listens on its own port.
import path from 'node:path';
import { projectRoot } from '../config/root.js';
import { createDemo, type Demo, demoClient } from './demo/app.js';
import type { ClientService } from './features/clients/client.service.js';
import { deriveKey, randomToken } from './platform/crypto.js';
import { AppError } from './platform/errors.js';
import type { Logger } from './platform/logger.js';

const clientId = 'ostiary-demo';

export interface DemoOptions {
  issuer: string;
  host: string;
  port: number;
  cookieKey: string;
  logger: Logger;
}

/** Inside the default tenant. The secret is made anew at each start: nobody has to keep it. @returns where the demo is, and how to end it. */
export async function startDemo(
  clients: ClientService,
  { issuer, host, port, cookieKey, logger }: DemoOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const origin = `http://localhost:${port}`;
  const clientSecret = await register(clients, origin);
  const demo: Demo = createDemo({
    issuer,
    clientId,
    clientSecret,
    host,
    port,
    origin,
    views: path.join(projectRoot, 'views'),
    cookieKey: deriveKey(cookieKey, 'demo').toString('base64url'),
    allowInsecure: issuer.startsWith('http:'),
    onError: (message) => logger.warn('the demo could not go on', { reason: message }),
  });
  await demo.listen();
  return { url: origin, close: () => demo.close() };
}

async function register(clients: ClientService, origin: string): Promise<string> {
  const secret = randomToken();
  try {
    const client = await clients.find(clientId);
    await clients.replace(client, demoClient(origin) as never);
    for (const { id } of await clients.listSecrets(client)) await clients.removeSecret(client, id);
    await clients.addSecret(client, { secret });
  } catch (error) {
    if (!(error instanceof AppError) || error.status !== 404) throw error;
    await clients.create(demoClient(origin) as never, { clientId, secret });
  }
  return secret;
}
