// Dynamic registration and management (RFC 7591, RFC 7592) around the engine: secrets are kept as hashes and shown once, and what only an
// administrator may say about a client cannot be said by the client itself.
import { errors } from 'oidc-provider';
import { routes } from '../../config/protocol.js';
import type { ClientService } from '../features/clients/client.service.js';
import { travellingNames } from '../features/clients/client-settings.js';
import type { EngineContext } from './engine-types.js';

const registrationRoutes = new Set(['registration', 'client_update']);

/** extraClientMetadata.validator: called for each of our settings, present or not. */
export function refusedRegistration(ctx: EngineContext | undefined, key: string, value: unknown): void {
  if (value === undefined || !registrationRoutes.has(ctx?.oidc?.route ?? '')) return;
  if (travellingNames.includes(key) && (ctx?.oidc.body as Record<string, unknown> | undefined)?.[key] !== undefined) {
    throw new errors.InvalidClientMetadata(`${key} is not for the client to say`);
  }
}

/**
 * RFC 7592 §2.2 lets a client repeat its secret in an update. We have only its hash, so it is compared here and handed to the engine as the
 * value the engine knows. Answers to a read or update never carry a secret: it was shown when it was made.
 */
export function clientManagement(clients: ClientService) {
  return async (ctx: EngineContext, next: () => Promise<void>): Promise<void> => {
    const management = ctx.path.startsWith(`${routes.registration}/`);
    const clientId = management ? decodeURIComponent(ctx.path.slice(routes.registration.length + 1)) : '';
    const placeholder = management ? (await clients.engineMetadata(clientId))?.client_secret : undefined;
    if (management && ctx.method === 'PUT') await exchangeSecret(ctx, clients, clientId, placeholder);
    await next();
    if (typeof ctx.body !== 'object' || ctx.body === null) return;
    const body = ctx.body as Record<string, unknown>;
    for (const member of travellingNames) delete body[member];
    if (placeholder !== undefined) {
      delete body.client_secret;
      delete body.client_secret_expires_at;
    }
  };
}

const limit = 56 * 1024;

async function exchangeSecret(
  ctx: EngineContext,
  clients: ClientService,
  clientId: string,
  placeholder: unknown,
): Promise<void> {
  if (!ctx.is('application/json')) return;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of ctx.req as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) break;
    chunks.push(chunk);
  }
  let body: Record<string, unknown> = {};
  try {
    body = length > limit ? {} : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>);
  } catch {
    // The engine answers an empty object as it answers any that lacks client_id.
  }
  if (typeof body === 'object' && body !== null && 'client_secret' in body) {
    const right = typeof body.client_secret === 'string' && (await clients.compareSecret(clientId, body.client_secret));
    body.client_secret = right ? placeholder : '';
  }
  // The engine takes a body that is parsed already from here.
  (ctx.req as { body?: unknown }).body = body;
}
