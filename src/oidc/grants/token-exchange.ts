// RFC 8693: a token that was given to one client for a person, exchanged by another for one of its own. What may be is said by policies
// (features/exchange); what comes out stands on what went in, ends with it, and says who acts.
import { errors, type Provider, type TokenEndpointGrantContext } from 'oidc-provider';
import { pairwiseSubject } from '../../features/clients/pairwise.js';
import { readAct } from '../../features/exchange/act.js';
import type { Actor, Allowed, Asked, Refused } from '../../features/exchange/decision.js';
import type { Exchanges, Standing } from '../../features/exchange/exchanges.js';
import type { OrganizationAccess } from '../../features/organization-access/organization-access.js';
import { type Assertions, NotBelieved } from '../../features/trusted-issuers/assertions.js';
import { epochSeconds } from '../../platform/clock.js';
import type { Issuer } from '../configuration/chapter.js';
import { isShownByOthers } from '../events.js';
import type { ProviderDependencies } from '../extensions.js';
import { namesNoOther } from '../organization-claims.js';
import { type Bound, giveToken, giveTokenOfKey, provenBy, resourceOf, takesNoDetails } from './access-token.js';
import { API_KEY, type ReadKey } from './presented-keys.js';
import { accessTokens, type OwnToken, type ReadToken } from './presented-tokens.js';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** RFC 8693 §3. */
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
/** As a subject token: of a trusted issuer, never of ours. */
const JWT = 'urn:ietf:params:oauth:token-type:jwt';

type Params = Partial<Record<(typeof single)[number], string>> &
  Partial<Record<(typeof repeated)[number], string | string[]>>;
type Context = TokenEndpointGrantContext<Params>;

const single = [
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
  'scope',
] as const;
const repeated = ['resource', 'audience'] as const;

export function tokenExchange(
  provider: Provider,
  deps: Pick<ProviderDependencies, 'protocol' | 'exchanges' | 'assertions' | 'organizationAccess' | 'readKey'>,
  issuer: Issuer,
): void {
  const read = accessTokens(provider, deps.protocol, issuer);
  provider.registerGrantType<Params>(
    TOKEN_EXCHANGE,
    (ctx) => exchange({ provider, ...deps, read, issuer }, ctx),
    [...single, ...repeated],
    [...repeated],
  );
}

interface Surroundings {
  provider: Provider;
  exchanges: Exchanges;
  assertions: Assertions;
  organizationAccess: OrganizationAccess;
  read: ReadToken;
  readKey: ReadKey;
  issuer: Issuer;
}

async function exchange(surroundings: Surroundings, ctx: Context): Promise<void> {
  const { provider, exchanges, organizationAccess, read, issuer } = surroundings;
  const { client, params } = ctx.oidc;
  isShownByOthers(ctx.req);
  takesNoDetails(ctx);
  const bound = await provenBy(provider, ctx);
  const subject = await subjectOf(surroundings, ctx, bound);
  if (!subject) throw new errors.InvalidRequest('subject_token is missing');
  const actor = await presented(read, ctx, 'actor_token', bound);
  const asked: Asked = {
    clientId: client.clientId,
    subject,
    actor: actor && named(ctx.oidc, issuer.pairwiseSalt, actor),
    targets: [params.resource, params.audience].flat().filter((one) => one !== undefined),
    scopes: params.scope?.split(' ').filter(Boolean),
    now: epochSeconds(new Date()),
  };
  const decision = await exchanges.judge(asked);
  if ('error' in decision) throw refusal(decision, params.scope);

  const resourceServer = await resourceOf(provider, ctx, decision.target);
  const format = params.requested_token_type ?? ACCESS_TOKEN;
  if (format !== ACCESS_TOKEN && !(format === JWT && resourceServer.accessTokenFormat === 'jwt'))
    throw new errors.InvalidRequest('requested_token_type is not supported for this target');
  const scope = scopesLeft(decision, asked, resourceServer.scopes).join(' ');
  const seconds = Math.min(decision.lifetime, Number(resourceServer.accessTokenTTL));

  await namesNoOther(ctx, organizationAccess, String(subject.accountId), subject.organization);
  if (subject.key && subject.accountId === undefined) {
    // Who reads an opaque token is told whose it is by the engine, which knows people and clients.
    if (resourceServer.accessTokenFormat !== 'jwt')
      throw new errors.InvalidTarget('an API key of the tenant is exchanged for JWTs only');
    await giveTokenOfKey(provider, ctx, bound, {
      keyId: subject.key.id,
      resourceServer,
      scope,
      act: decision.act,
      seconds,
      issuedTokenType: format,
      record: () => exchanges.record(asked, decision, subject, scope),
    });
    return;
  }
  await giveToken(provider, ctx, bound, {
    accountId: String(subject.accountId),
    gty: 'token_exchange',
    resourceServer,
    scope,
    act: decision.act,
    organization: subject.organization,
    issuedTokenType: format,
    async grant() {
      const given = await exchanges.give(asked, decision, { subject, actor }, { scope, seconds });
      if (!given) throw new errors.InvalidRequest('a token has ended, or was exchanged too often');
      return given;
    },
  });
}

/** By its type: of a trusted issuer, an API key, or one of ours. */
async function subjectOf(surroundings: Surroundings, ctx: Context, bound: Bound): Promise<Standing | undefined> {
  const { client, params } = ctx.oidc;
  const { subject_token: value, subject_token_type: type } = params;
  if (value !== undefined && type === JWT) return foreignToken(surroundings, client.clientId, value);
  if (value === undefined || type !== API_KEY) return presented(surroundings.read, ctx, 'subject_token', bound);
  const key = await surroundings.readKey(value);
  if (!key) throw new errors.InvalidRequest('subject_token is invalid');
  return key;
}

/** @throws InvalidRequest for a token of another type, one that is not good, and one that is bound to a key which was not proven. */
async function presented(
  read: ReadToken,
  ctx: Context,
  name: 'subject_token' | 'actor_token',
  { proof }: Bound,
): Promise<OwnToken | undefined> {
  const { params } = ctx.oidc;
  const value = params[name];
  const type = params[`${name}_type`];
  // RFC 8693 §2.1: the type is required with the token, and must not be there without it.
  if ((value === undefined) !== (type === undefined))
    throw new errors.InvalidRequest(`${name} and ${name}_type belong together`);
  if (value === undefined) return undefined;
  if (type !== ACCESS_TOKEN) throw new errors.InvalidRequest(`${name}_type is not supported`);
  const token = await read(ctx, value);
  if (!token) throw new errors.InvalidRequest(`${name} is invalid`);
  // A token bound to a key is worth nothing without it, here as at a resource (RFC 9449 §7, RFC 8705 §3).
  const { jkt, 'x5t#S256': certificate } = token.bound;
  if (certificate !== undefined || (jkt !== undefined && jkt !== proof?.thumbprint))
    throw new errors.InvalidRequest(`${name} is bound to a key that was not proven`);
  return token;
}

/** RFC 8693 §3: what a trusted issuer says of a person. @throws InvalidRequest where it is not believed. */
async function foreignToken({ assertions, issuer }: Surroundings, clientId: string, value = ''): Promise<Standing> {
  try {
    const believed = await assertions.believe(value, { audience: issuer.url, clientId });
    await assertions.assertUnspent(believed);
    const { claims, accountId } = believed;
    const act = claims.act === undefined ? undefined : readAct(claims.act, believed.issuer.issuer);
    if (claims.act !== undefined && !act) throw new NotBelieved('act is no chain of actors');
    return {
      clientId: undefined,
      accountId,
      of: { issuerId: believed.issuer.id, resources: believed.issuer.resources },
      audience: undefined,
      scopes: new Set(believed.scopes),
      exp: claims.exp,
      act,
      mayAct: claims.may_act === undefined ? undefined : (Object(claims.may_act) as Record<string, unknown>),
      believed,
    };
  } catch (error) {
    if (error instanceof NotBelieved) throw new errors.InvalidRequest('subject_token is invalid', 400, error.message);
    throw error;
  }
}

/** By which `sub` the client knows the actor (OpenID Connect Core §8). */
function named({ client }: Context['oidc'], salt: string, actor: OwnToken): Actor {
  const { accountId, clientId } = actor;
  if (accountId === undefined) return { ...actor, name: { sub: clientId, client_id: clientId } };
  const pairwise = client.subjectType === 'pairwise';
  return { ...actor, name: { sub: pairwise ? pairwiseSubject(salt, client.sectorIdentifier, accountId) : accountId } };
}

/** RFC 8693 §2.2: subject, policy, client and resource each have their say, and none of them adds. */
function scopesLeft({ scopes }: Allowed, asked: Asked, offered: ReadonlySet<string>): string[] {
  const left = scopes.filter((name) => offered.has(name));
  if (asked.scopes && left.length < scopes.length)
    throw new errors.InvalidScope(
      'requested scope is not allowed',
      scopes.filter((name) => !offered.has(name)).join(' '),
    );
  if (left.length === 0) throw new errors.InvalidScope('nothing is left of the scope', asked.scopes?.join(' ') ?? '');
  return left;
}

function refusal({ error, why }: Refused, scope = ''): Error {
  if (error === 'invalid_target') return new errors.InvalidTarget(why);
  if (error === 'invalid_scope') return new errors.InvalidScope(why, scope);
  return new errors.InvalidRequest(why);
}
