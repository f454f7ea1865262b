// RFC 9396: which authorization details are taken, which of them a person has agreed to, and what a token carries of those.
import { type Client, errors } from 'oidc-provider';
import { settingsOf } from '../features/clients/client-settings.js';
import type { Agreement } from '../features/protocol/engine.js';
import { beyond, type Detail, detailsTypeOf } from '../features/resources/details.js';
import { problemOf } from '../features/resources/details.problems.js';
import { type DetailsAsking, mayAskFor, takes } from '../features/resources/details.rules.js';
import type { ResourceServer } from '../features/resources/resource.entity.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import { readsDetails } from './client-auth.js';
import type { EngineContext } from './engine-types.js';

type Resources = Pick<ResourceService, 'findByIdentifier'>;
type EngineRequest = Pick<EngineContext['oidc'], 'params' | 'result' | 'session'>;

/** Type → identifiers of the resources that take it. */
export type DetailsTypes = ReadonlyMap<string, readonly string[]>;

/** More than this nobody reads on a page. */
const most = { details: 20, characters: 8192 };

/** What the engine knows of the types: their names, and whom to ask about each detail of one. */
export function detailsTypes(resources: Resources, types: DetailsTypes) {
  return Object.fromEntries(
    [...types].map(([type, identifiers]) => [
      type,
      {
        validate: (ctx: EngineContext, detail: Detail, client: Client) =>
          validate(resources, identifiers, ctx, detail, client),
      },
    ]),
  );
}

/** @throws InvalidAuthorizationDetails (RFC 9396 §5) */
async function validate(
  resources: Resources,
  identifiers: readonly string[],
  ctx: EngineContext,
  detail: Detail,
  client: Client,
): Promise<void> {
  const { oidc } = ctx;
  const params = oidc.params ?? {};
  const said = String(params.authorization_details);
  if (said.length > most.characters || detailsIn(said).length > most.details)
    throw new errors.InvalidAuthorizationDetails('authorization_details are too long');
  // They are agreed to on the page of consent, which there is none of.
  if (oidc.route === 'backchannel_authentication')
    throw new errors.InvalidAuthorizationDetails('authorization_details cannot be asked for here');

  const asking = detailsAsking(ctx, client);
  const asked = [params.resource ?? []].flat().map(String);
  const candidates = asked.length > 0 ? identifiers.filter((one) => asked.includes(one)) : identifiers;
  const known = await Promise.all(candidates.map((identifier) => resources.findByIdentifier(identifier)));
  const named = known.filter((one) => one !== undefined);
  const taken = named.filter((one) => takes(one, detail, asking)).map(({ identifier }) => identifier);
  if (taken.length === 0) throw refused(detail, whyNot(named, detail, asking));
  if (detail.locations?.some((one) => !taken.includes(one)))
    throw refused(detail, 'has other locations than its resource');
}

function whyNot(named: readonly ResourceServer[], detail: Detail, asking: DetailsAsking): string {
  const open = named.filter((one) => mayAskFor(one, detail.type, asking));
  if (named.length > 0 && open.length === 0) return 'is not allowed for this client';
  const [problem] = open.flatMap((one) => {
    const type = detailsTypeOf(one, detail);
    return (type && problemOf(type, detail)) ?? [];
  });
  return problem === undefined ? 'is not for a resource that is asked for' : `does not fit: ${problem}`;
}

/** RFC 6749 §4.1.2.1, §5.2: what stands in a description; the name of a member is whatever somebody has sent. */
const refused = ({ type }: Detail, why: string) =>
  new errors.InvalidAuthorizationDetails(
    `authorization details of the type ${type}: ${why}`.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?').slice(0, 400),
  );

/** What this client may ask for, in this request. */
export function detailsAsking({ oidc }: EngineContext, client: Client): DetailsAsking {
  const { authorization_details_types: types, dynamic = false } = settingsOf(client);
  return { person: oidc.params?.grant_type !== 'client_credentials', dynamic, types };
}

/** RFC 8707 §2: where no resource is named, the one that the details are for; undefined where that cannot be told. */
export function resourceOfDetails(said: unknown, types: DetailsTypes): string | string[] | undefined {
  if (typeof said !== 'string') return undefined;
  const found = new Set<string>();
  for (const { type, locations } of detailsIn(said)) {
    const [one, ...others] = (types.get(type) ?? []).filter((id) => !locations || locations.includes(id));
    if (one === undefined || others.length > 0) return undefined;
    found.add(one);
  }
  const [only, ...more] = found;
  return more.length > 0 ? [...found] : only;
}

/** What this person has agreed to in this very request; what somebody else has agreed to in it before counts for nothing. */
export function agreedDetails({ result, session }: EngineRequest): readonly Detail[] | undefined {
  const { agreed } = (result?.consent ?? {}) as { agreed?: Agreement };
  return agreed && agreed.account_id === session?.accountId ? (agreed.authorization_details as Detail[]) : undefined;
}

/** They are asked for each time: they say what is to happen now, not what may happen from now on. */
export const needsAgreement = (oidc: EngineRequest): boolean =>
  oidc.params?.authorization_details !== undefined && agreedDetails(oidc) === undefined;

interface Token {
  resourceServer?: { identifier(): string };
}

/**
 * RFC 9396 §6, §7: of what was agreed to, that which is for the token's resource, or the part of it that is asked for here.
 * @param source the code, device code or refresh token; absent where no person takes part.
 * @throws InvalidAuthorizationDetails for more than was agreed to (§6.1).
 */
export async function detailsForToken(
  resources: Resources,
  ctx: EngineContext,
  token: Token,
  source: { rar?: readonly Detail[] } | undefined,
): Promise<readonly Detail[]> {
  const { oidc } = ctx;
  const identifier = token.resourceServer?.identifier();
  const resource = identifier === undefined ? undefined : await resources.findByIdentifier(identifier);
  const asked = oidc.params?.authorization_details;
  const details = typeof asked === 'string' ? detailsIn(asked) : undefined;
  const { grant_type } = oidc.params ?? {};
  const held = (grant_type === 'client_credentials' ? details : source?.rar) ?? [];
  const asking = detailsAsking(ctx, oidc.client as Client);
  // What its resource takes no longer, or of this client no longer, is gone from what was agreed to before as well.
  const given = resource ? held.filter((detail) => takes(resource, detail, asking)) : [];
  if (!details) return given;
  const more = beyond(details, given);
  if (more) throw refused(more, 'was not granted');
  return details;
}

/** RFC 9396 §9.2: a token for a resource has that resource's alone; of a refresh token its client may know all of them, and nobody else. */
export async function detailsForIntrospection(
  resources: Resources,
  { oidc }: EngineContext,
  { kind, clientId, aud, rar }: { kind: string; clientId?: string; aud?: unknown; rar?: readonly Detail[] },
): Promise<readonly Detail[] | undefined> {
  const facts = { clientId, aud: kind === 'RefreshToken' ? undefined : aud };
  return (await readsDetails(resources)(oidc.client as Client, facts)) ? rar : undefined;
}

/** Once the engine has looked at it, it is a list of objects with a type. */
const detailsIn = (said: string): Detail[] => JSON.parse(said) as Detail[];
