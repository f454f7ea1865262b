// What the grant types of our own have in common: for which resource a token is, what it is bound to, and how it is made and answered.
import { errors, type Provider, type ResourceServerInstance, type TokenEndpointGrantContext } from 'oidc-provider';
import {
  buildTokenResponse,
  checkDpopReplay,
  checkDpopRequired,
  checkMtlsCert,
  resolveRequestedResources,
  validateDpop,
} from 'oidc-provider/lib/helpers/grants.js';
import type { Act } from '../../features/exchange/act.js';
import { staysInOrganization } from '../organization-claims.js';
import { saysWhoActs } from './acting.js';
import { speaksFor } from './presented-keys.js';

/** What the client has proven to hold (RFC 9449 §5, RFC 8705 §3). */
export interface Bound {
  proof: Awaited<ReturnType<typeof validateDpop>>;
  certificate: ReturnType<typeof checkMtlsCert>;
}

/** RFC 9396 §6: nobody is asked here whether they agree. @throws InvalidRequest; what a grant type does not read, the engine drops without a word. */
export function takesNoDetails({ oidc }: TokenEndpointGrantContext): void {
  const { authorization_details } = (oidc.body ?? {}) as Record<string, unknown>;
  if (authorization_details)
    throw new errors.InvalidRequest('authorization_details are not taken with this grant type');
}

/** @throws where the client's tokens are bound and it proves nothing. */
export async function provenBy(provider: Provider, ctx: TokenEndpointGrantContext): Promise<Bound> {
  const proof = await validateDpop(provider, ctx);
  checkDpopRequired(provider, ctx, proof);
  return { proof, certificate: checkMtlsCert(provider, ctx) };
}

/** @throws InvalidTarget for what is no resource. */
export async function resourceOf(
  provider: Provider,
  ctx: TokenEndpointGrantContext,
  target: string,
): Promise<ResourceServerInstance> {
  Object.assign(ctx.oidc.params, { resource: target });
  const [resourceServer] = await resolveRequestedResources(provider, ctx);
  if (!resourceServer) throw new errors.InvalidTarget();
  return resourceServer;
}

interface Given {
  accountId: string;
  gty: string;
  resourceServer: ResourceServerInstance;
  scope: string;
  act?: Act | undefined;
  organization?: string | undefined;
  /** RFC 8693 §2.2.1. */
  issuedTokenType?: string;
  /** Gives the grant that it stands on, and says how long both live. */
  grant(): Promise<{ grantId: string; seconds: number }>;
}

interface GivenToKey extends Pick<Given, 'resourceServer' | 'scope' | 'act' | 'issuedTokenType'> {
  keyId: string;
  seconds: number;
  record(): Promise<void>;
}

/** As giveToken, for a key that speaks for itself: there is no person, so it stands on no grant, as what a client is given for itself. */
export async function giveTokenOfKey(
  provider: Provider,
  ctx: TokenEndpointGrantContext,
  bound: Bound,
  { keyId, resourceServer, scope, act, seconds, issuedTokenType, record }: GivenToKey,
): Promise<void> {
  const { client } = ctx.oidc;
  await checkDpopReplay(provider, ctx, bound.proof, client.clientId);
  await record();
  const token = new provider.ClientCredentials({ client, resourceServer, scope, expiresIn: seconds });
  saysWhoActs(token, act);
  speaksFor(token, keyId);
  ctx.oidc.entity('ClientCredentials', token);
  await answer(provider, ctx, token, bound, { issuedTokenType, seconds, scope });
}

/** All checks are behind us: the proof is spent now, and not by a request that is refused (RFC 9449 §11.1). There is no refresh token. */
export async function giveToken(
  provider: Provider,
  ctx: TokenEndpointGrantContext,
  bound: Bound,
  { accountId, gty, resourceServer, scope, act, organization, issuedTokenType, grant }: Given,
): Promise<void> {
  const { client } = ctx.oidc;
  await checkDpopReplay(provider, ctx, bound.proof, client.clientId);
  const { grantId, seconds } = await grant();
  const token = new provider.AccessToken({
    client,
    accountId,
    grantId,
    gty,
    resourceServer,
    scope,
    expiresIn: seconds,
  });
  saysWhoActs(token, act);
  staysInOrganization(token, organization);
  ctx.oidc.entity('AccessToken', token);
  await answer(provider, ctx, token, bound, { issuedTokenType, seconds, scope });
}

/** The token, bound to what the client has proven to hold. */
async function answer(
  provider: Provider,
  ctx: TokenEndpointGrantContext,
  token: InstanceType<Provider['AccessToken' | 'ClientCredentials']>,
  { proof, certificate }: Bound,
  { issuedTokenType, seconds, scope }: { issuedTokenType?: string | undefined; seconds: number; scope: string },
): Promise<void> {
  if (certificate) token.setThumbprint('x5t', certificate);
  if (proof) token.setThumbprint('jkt', proof.thumbprint);
  ctx.body = buildTokenResponse(provider, {
    accessToken: await token.save(),
    issuedTokenType,
    tokenType: token.tokenType,
    expiresIn: seconds,
    scope,
  }) as unknown as Record<string, unknown>;
}
