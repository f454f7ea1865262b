// Dynamic registration and management (RFC 7591, RFC 7592) around the engine: secrets are kept as hashes and shown once, and what only an
// administrator may say about a client cannot be said by the client itself.
import { errors } from 'oidc-provider';
import { routes } from '../../config/protocol.js';
import { needsSecret } from '../features/clients/client.rules.js';
import type { ClientService } from '../features/clients/client.service.js';
import { openidScope } from '../features/clients/client-lookup.js';
import { asTravelling, settingsOf, travellingNames } from '../features/clients/client-settings.js';
import { EVERYBODYS_TOKEN, type InitialAccessTokens } from '../features/clients/registration/initial-access-tokens.js';
import {
  type AgreedRegistration,
  decideRegistration,
  words,
} from '../features/clients/registration/registration-policy.js';
import { type SoftwareStatements, StatementRefused } from '../features/clients/registration/software-statements.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import { currentContext, currentTenantId } from '../platform/context.js';
import { randomToken } from '../platform/crypto.js';
import { clientKey, type Limiter, waitOf } from '../platform/rate-limit.js';
import type { EngineContext } from './engine-types.js';

/** How the engine names what initial and registration access tokens have it ask. */
export const REGISTRATION_POLICY = 'registration';

type Properties = Record<string, unknown>;

interface Registrations {
  resources: Pick<ResourceService, 'openScopes'>;
  initialAccessTokens: Pick<InitialAccessTokens, 'presented'>;
  softwareStatements: Pick<SoftwareStatements, 'read'>;
}

/**
 * What a client says of itself, and what somebody vouches for (RFC 7591 §2.3), is held against what it registers under, before the engine checks it
 * and shows what became of it (§3.2.1).
 */
export function registrationPolicies(
  { initialAccessTokens, softwareStatements, resources }: Registrations,
  issuer: string,
) {
  return {
    async [REGISTRATION_POLICY]({ oidc }: EngineContext, properties: Properties): Promise<void> {
      const token = oidc.entities.InitialAccessToken;
      const presented = token && (await initialAccessTokens.presented(String(token.jti)));
      if (token && !presented) throw new errors.InvalidToken('initial access token not found');
      // RFC 9396 §10: an administrator says that here, so that it is as if nothing were said.
      delete properties.authorization_details_types;
      const { registration_policy, allowed_scope } = settingsOf(oidc.client);
      const agreed: AgreedRegistration = { ...(presented?.policy ?? registration_policy) };

      const { software_statement: statement } = properties;
      // Once it has one, a client need not show it again, and what it states stays.
      if (statement !== undefined || !agreed.stated) {
        const stated = await softwareStatements.read(statement, issuer, agreed.statement).catch(refusedStatement);
        if (stated) Object.assign(agreed, { statement, stated });
      }
      Object.assign(properties, agreed.stated);
      if (agreed.stated?.token_endpoint_auth_method !== undefined) secretFor(properties);

      const { scope, issues } = decideRegistration(agreed, properties, allowed_scope, await resources.openScopes());
      if (issues.length > 0)
        throw new errors.InvalidClientMetadata(
          issues.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`).join('; '),
        );
      // Scopes of resources are none of the engine's, which would refuse them.
      // Only what is said: a name of ours that the sender has used must reach refusedRegistration.
      for (const [name, value] of Object.entries(asTravelling({ allowed_scope: scope, registration_policy: agreed })))
        if (value !== undefined) properties[name] = value;
      if (scope !== undefined) properties.scope = openidScope(words(scope));
    },
  };
}

/** The engine has decided on a secret by what the client said. */
function secretFor(properties: Properties): void {
  if (needsSecret(properties as Parameters<typeof needsSecret>[0])) {
    if (properties.client_secret !== undefined) return;
    Object.assign(properties, { client_secret: randomToken(), client_secret_expires_at: 0 });
  } else {
    delete properties.client_secret;
    delete properties.client_secret_expires_at;
  }
}

/** RFC 7591 §3.2.2 */
function refusedStatement(error: unknown): never {
  if (!(error instanceof StatementRefused)) throw error;
  if (error.reason === 'unapproved') throw new errors.UnapprovedSoftwareStatement(error.message);
  if (error.reason === 'missing') throw new errors.InvalidClientMetadata(error.message);
  throw new errors.InvalidSoftwareStatement(error.message);
}

/**
 * Where everybody may register, whoever brings no token holds everybody's, and a limited number of clients comes from one address (RFC 7591 §5).
 * Only where the tenant says so is it good for anything.
 */
export function asEverybody(limiter: Pick<Limiter, 'consume'>) {
  return async (ctx: EngineContext, next: () => Promise<void>): Promise<void> => {
    if (ctx.method !== 'POST' || ctx.path !== routes.registration) return next();
    if (ctx.get('authorization')) return next();
    const seconds = await waitOf(limiter.consume(`${currentTenantId()} ${clientKey(currentContext()?.ip)}`));
    if (seconds > 0) return refuse(ctx, seconds);
    ctx.req.headers.authorization = `Bearer ${EVERYBODYS_TOKEN}`;
    return next();
  };
}

function refuse(ctx: EngineContext, seconds: number): void {
  ctx.status = 429;
  ctx.set('Retry-After', String(seconds));
  ctx.set('Cache-Control', 'no-store');
  ctx.body = { error: 'slow_down', error_description: 'too many registrations from this address' };
}

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
    const clientId = management ? clientIdIn(ctx.path) : '';
    const placeholder = management ? (await clients.engineMetadata(clientId))?.client_secret : undefined;
    if (management && ctx.method === 'PUT') await exchangeSecret(ctx, clients, clientId, placeholder);
    await next();
    if (typeof ctx.body !== 'object' || ctx.body === null) return;
    const body = ctx.body as Record<string, unknown>;
    const { allowed_scope: scope, registration_policy: agreed } = settingsOf(body);
    if (scope !== undefined) body.scope = scope;
    if (agreed?.statement !== undefined) body.software_statement = agreed.statement;
    for (const member of [...travellingNames, 'authorization_details_types']) delete body[member];
    if (placeholder !== undefined) {
      delete body.client_secret;
      delete body.client_secret_expires_at;
    }
  };
}

/** @returns nobody's where it is no text in UTF-8: the engine knows no such client either. */
function clientIdIn(path: string): string {
  try {
    return decodeURIComponent(path.slice(routes.registration.length + 1));
  } catch {
    return '';
  }
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
