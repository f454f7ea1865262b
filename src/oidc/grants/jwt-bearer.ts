// RFC 7523 §2.1: a client shows what a trusted issuer says of a person, and is given a token for one resource. Whose word is good for what is said by an
// administrator (features/trusted-issuers); the token ends when that word is taken away.
import { errors, type Provider, type TokenEndpointGrantContext } from 'oidc-provider';
import { type Believed, NotBelieved } from '../../features/trusted-issuers/assertions.js';
import { epochSeconds } from '../../platform/clock.js';
import type { Issuer } from '../configuration/chapter.js';
import type { ProviderDependencies } from '../extensions.js';
import { namesNoOther } from '../organization-claims.js';
import { giveToken, provenBy, resourceOf, takesNoDetails } from './access-token.js';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** Seconds: a token may live a little longer than its assertion, and not by a significant period (RFC 7521 §4.1). */
const least = 60;

type Params = Partial<Record<'assertion' | 'scope', string>> & { resource?: string | string[] };
type Context = TokenEndpointGrantContext<Params>;

export function jwtBearer(
  provider: Provider,
  deps: Pick<ProviderDependencies, 'assertions' | 'organizationAccess'>,
  { url }: Pick<Issuer, 'url'>,
): void {
  provider.registerGrantType<Params>(
    JWT_BEARER,
    (ctx) => redeem(provider, deps, url, ctx),
    ['assertion', 'scope', 'resource'],
    ['resource'],
  );
}

async function redeem(
  provider: Provider,
  { assertions, organizationAccess }: Pick<ProviderDependencies, 'assertions' | 'organizationAccess'>,
  audience: string,
  ctx: Context,
): Promise<void> {
  const { params, client } = ctx.oidc;
  takesNoDetails(ctx);
  const bound = await provenBy(provider, ctx);
  const { assertion } = params;
  if (assertion === undefined) throw new errors.InvalidRequest('assertion is missing');
  const believed = await orInvalid(assertions.believe(assertion, { audience, clientId: client.clientId }));
  namesNoActor(believed);
  const target = targetOf(params.resource, believed);
  const resourceServer = await resourceOf(provider, ctx, target);
  const scope = scopesLeft(params.scope, believed, resourceServer.scopes).join(' ');
  const rest = Math.max(least, believed.claims.exp - epochSeconds(new Date()));
  const seconds = Math.min(rest, Number(resourceServer.accessTokenTTL));
  await namesNoOther(ctx, organizationAccess, believed.accountId, undefined);
  await giveToken(provider, ctx, bound, {
    accountId: believed.accountId,
    gty: 'jwt_bearer',
    resourceServer,
    scope,
    async grant() {
      await orInvalid(assertions.spend(believed));
      const grantId = await assertions.give(believed, client.clientId, { resource: target, scope, seconds });
      if (!grantId) throw new errors.InvalidGrant('the issuer or the account has ended');
      return { grantId, seconds };
    },
  });
}

/** RFC 7521 §4.1.1: whatever is wrong with an assertion is invalid_grant; what it was stays here. */
async function orInvalid<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof NotBelieved) throw new errors.InvalidGrant(error.message);
    throw error;
  }
}

/** RFC 8693 §4.1, §4.4: nobody is named as acting by this grant, so a chain would be lost and a condition not kept; an exchange keeps both. */
function namesNoActor({ claims }: Believed): void {
  if (claims.act !== undefined || claims.may_act !== undefined)
    throw new errors.InvalidGrant('the assertion says who acts, which is for a token exchange');
}

/** RFC 8707 §2: one that the issuer is trusted for; where that is only one, it need not be named. */
function targetOf(asked: string | string[] | undefined, { issuer }: Believed): string {
  const named = [...new Set([asked].flat().filter((one) => one !== undefined))];
  const [target, ...others] = named.length > 0 ? named : issuer.resources;
  if (target === undefined || others.length > 0) throw new errors.InvalidTarget('exactly one resource must be named');
  if (!issuer.resources.includes(target)) throw new errors.InvalidTarget('the issuer is not trusted for this resource');
  return target;
}

/** Issuer, assertion, client and resource each have their say, and none of them adds. */
function scopesLeft(asked: string | undefined, { scopes }: Believed, offered: ReadonlySet<string>): string[] {
  const open = scopes.filter((name) => offered.has(name));
  const wanted = asked?.split(' ').filter(Boolean);
  const beyond = (wanted ?? []).filter((name) => !open.includes(name));
  if (beyond.length > 0) throw new errors.InvalidScope('requested scope is not allowed', beyond.join(' '));
  const left = wanted ?? open;
  if (left.length === 0) throw new errors.InvalidScope('nothing is left of the scope', '');
  return left;
}
