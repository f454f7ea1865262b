// What a client has to prove, and what it may ask about tokens: the decisions the engine leaves to us at /token, /introspect and /revoke.
import { errors, type Provider } from 'oidc-provider';
import { clockTolerance, lifetimes } from '../../config/protocol.js';
import type { ClientService } from '../features/clients/client.service.js';
import { settingsOf } from '../features/clients/client-settings.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import type { ProtocolPolicy } from '../features/tenants/protocol-policy/protocol-policy.js';
import { epochSeconds } from '../platform/clock.js';
import { currentContext, currentTenantId } from '../platform/context.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';
import type { EngineContext } from './engine-types.js';
import { signingProblem } from './profile.js';
import { nextIsAssertion } from './replays.js';

/**
 * RFC 7523 §3: an assertion is for us, and its audience the issuer as a string: in a list another server may stand, which could show it here.
 * It is for now, and its end bounds how long its jti must be remembered. RFC 7519 §4.1.6: the engine looks at exp and nbf; a clock too far ahead
 * shows in iat alone.
 */
export async function isForUsNow(
  ctx: object,
  claims: { aud?: unknown; iat?: unknown; nbf?: unknown; exp?: unknown },
  header: { alg?: unknown; typ?: unknown },
  client: unknown,
): Promise<void> {
  // Which string it is has been compared (OIDCContext.clientJwtAuthExpectedAudience).
  if (typeof claims.aud !== 'string')
    throw new errors.InvalidClientAuth('audience (aud) must be the issuer, as a string');
  if (typeof claims.iat === 'number' && claims.iat > epochSeconds(new Date()) + clockTolerance)
    throw new errors.InvalidClientAuth('the assertion was issued in the future');
  if (Number(claims.exp) > epochSeconds(new Date()) + lifetimes.clientAssertion + clockTolerance)
    throw new errors.InvalidClientAuth('the assertion lives too long');
  // RFC 9101 §10.8: a request object goes through the address of a browser, and is no proof of who sent it.
  if (/oauth-authz-req\+jwt$/i.test(String(header.typ)))
    throw new errors.InvalidClientAuth('typ is of a request object');
  const problem = signingProblem(client, header, claims);
  if (problem) throw new errors.InvalidClientAuth(problem);
  nextIsAssertion(ctx);
}

/** @param token as much of it as decides: whose it is, and for which resource (RFC 8707 §2). */
export type MayIntrospect = (
  ctx: EngineContext,
  client: { clientId: string; clientAuthMethod?: string },
  token: { clientId?: string; aud?: unknown },
) => Promise<boolean>;

/**
 * RFC 7662 §4: who asks about a token is its client or its resource server; where the tenant says so, any client that authenticates. A public client
 * learns about its own tokens only, for it proves nothing about itself; nor does one that registered itself or is a document, whoever made it.
 */
export function introspectionPolicy(
  resources: Pick<ResourceService, 'findByIdentifier'>,
  { introspection }: Pick<ProtocolPolicy, 'introspection'>,
): MayIntrospect {
  return async (ctx, client, token) => {
    if (token.clientId === client.clientId) return true;
    if (client.clientAuthMethod === 'none') return false;
    // Who has added itself authenticates as nobody whom the tenant knows.
    const isAny = introspection === 'any_confidential' && !settingsOf(client).dynamic;
    return (isAny || (await isOfResource(resources, client, token))) && isClient(ctx, token.clientId);
  };
}

/** RFC 9396 §9.2: what was agreed to is told to the client of the token, and to those that its resource names. */
export const readsDetails =
  (resources: Pick<ResourceService, 'findByIdentifier'>) =>
  async (client: { clientId: string }, token: { clientId?: string | undefined; aud?: unknown }): Promise<boolean> =>
    token.clientId === client.clientId || isOfResource(resources, client, token);

/** A token without a resource is for our own endpoints, and a refresh token for its client: nobody else has a use for either. */
async function isOfResource(
  resources: Pick<ResourceService, 'findByIdentifier'>,
  { clientId }: { clientId: string },
  { aud }: { aud?: unknown },
): Promise<boolean> {
  const resource = typeof aud === 'string' ? await resources.findByIdentifier(aud) : undefined;
  return resource?.introspectionClients?.includes(clientId) ?? false;
}

/** Whoever is none for the moment has no token that is good: its document is gone, or it breaks rules that the tenant has now. */
async function isClient({ oidc }: EngineContext, clientId = ''): Promise<boolean> {
  try {
    return (await oidc.provider.Client.find(clientId)) !== undefined;
  } catch (error) {
    if (error instanceof errors.InvalidClientMetadata) return false;
    throw error;
  }
}

/** RFC 7009 §2.1: a client revokes its own tokens. Who proves nothing about itself learns nothing about those of others. */
export async function mayRevoke(
  _ctx: unknown,
  client: { clientId: string; clientAuthMethod?: string },
  token: { clientId?: string },
): Promise<boolean> {
  if (token.clientId === client.clientId) return true;
  if (client.clientAuthMethod === 'none') return false;
  throw new errors.InvalidRequest('client is not authorized to revoke the presented token');
}

interface SecretDependencies {
  clients: Pick<ClientService, 'compareSecret'>;
  rateLimits: RateLimits;
  limits: { clientSecretFailures: { points: number; seconds: number } };
}

/** Against hashes, and not for ever: wrong secrets are counted per client and address (RFC 6749 §2.3.1). */
export function compareSecrets(provider: Provider, { clients, rateLimits, limits }: SecretDependencies): void {
  const failures = rateLimits.limiter({ name: 'client_secret', ...limits.clientSecretFailures });
  const compare = async (clientId: string, actual: string): Promise<boolean> => {
    const key = `${currentTenantId()} ${clientId} ${clientKey(currentContext()?.ip)}`;
    if ((await failures.peek(key)).remaining === 0) return false;
    const right = await clients.compareSecret(clientId, actual);
    if (!right) await failures.consume(key).catch(() => {});
    return right;
  };
  provider.Client.prototype.compareClientSecret = function (this: { clientId: string }, actual: string) {
    return compare(this.clientId, actual) as unknown as boolean;
  };
}
