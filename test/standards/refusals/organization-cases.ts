// Requests for an organization that are refused.
import { Browser } from '../../support/browser.js';
import { CIBA_GRANT } from '../../support/ciba.js';
import { makeOrganization } from '../../support/organizations.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce, redeem, signIn } from '../../support/party.js';
import { askBehind, authorize, type Refused, type RefusedHouse, token } from '../../support/refused.js';
import type { Ask } from './token-cases.js';

const scope = 'openid organization';

/** Somebody who is signed in here and belongs to so many organizations, the first of which has this policy. */
async function member({ server, parties }: RefusedHouse, policies: readonly object[]) {
  const person = await makePerson(server);
  const organizations = [];
  for (const policy of policies) organizations.push(await makeOrganization(server, { policy, members: [person] }));
  const browser = new Browser();
  await signIn(browser, authorizationUrl(server, parties.web, pkce(), { scope: 'openid' }), person.email);
  return { person, browser, organization: organizations[0]?.slug ?? 'unknown' };
}

const silent = async (house: RefusedHouse, policies: readonly object[], named: boolean): Promise<Refused> => {
  const { browser, organization } = await member(house, policies);
  const change = { prompt: 'none', scope, ...(named ? { organization } : {}) };
  return authorize(house, house.parties.web, change, browser);
};

/** A refresh token for an organization. */
async function refreshable(house: RefusedHouse, party: Party) {
  const { browser, organization } = await member(house, [{}]);
  const proof = pkce();
  const url = authorizationUrl(house.server, party, proof, { scope, organization, prompt: 'none' });
  const code = new URL((await browser.open(url)).url).searchParams.get('code') ?? '';
  const { body } = await redeem(house.server, party, code, proof);
  return { refresh_token: String(body.refresh_token), organization };
}

export const organizations: readonly Ask[] = [
  {
    check: 'organization.proof_needed',
    error: 'login_required',
    ask: (house) => silent(house, [{ acr: 'urn:ostiary:acr:mfa' }], true),
  },
  {
    check: 'organization.choice_needed',
    error: 'interaction_required',
    ask: (house) => silent(house, [{}, {}], false),
  },
  {
    check: 'organization.entered',
    error: 'access_denied',
    ask: (house) => silent(house, [{ ip_allow_list: ['198.51.100.0/24'] }], true),
  },
  { check: 'organization.entered', error: 'access_denied', ask: (house) => silent(house, [], true) },
  {
    check: 'organization.taken',
    error: 'access_denied',
    async ask(house) {
      const { browser } = await member(house, []);
      const url = authorizationUrl(house.server, house.parties.web, pkce(), { scope, organization: 'unknown' });
      const back = await browser.submit(await browser.open(url), { decision: 'deny' });
      const told = new URL(back.url).searchParams;
      const reference = told.get('error_uri')?.split('/').at(-1) ?? '';
      return { status: 303, error: told.get('error') ?? undefined, reference, text: back.url };
    },
  },
  {
    check: 'organization.named',
    error: 'invalid_request',
    async ask(house) {
      const { person } = await member(house, [{}, {}]);
      const more = { redirect_uris: [], response_types: [], grant_types: [CIBA_GRANT] };
      const bank = await makeClient(house.server, { ...more, backchannel_token_delivery_mode: 'poll' });
      return askBehind(house, bank, { scope, login_hint: person.email });
    },
  },
  {
    check: 'organization.of_client',
    error: 'unauthorized_client',
    ask: (house) => token(house, house.parties.web, { grant_type: 'client_credentials', organization: 'unknown' }),
  },
  {
    check: 'organization.of_grant',
    error: 'invalid_grant',
    async ask(house) {
      const { refresh_token } = await refreshable(house, house.parties.web);
      return token(house, house.parties.web, { grant_type: 'refresh_token', refresh_token, organization: 'another' });
    },
  },
  {
    check: 'organization.proof_age',
    error: 'invalid_grant',
    async ask(house) {
      const { refresh_token, organization } = await refreshable(house, house.parties.web);
      await house.server.inside(async ({ db, organizations }) => {
        const { id } = await organizations.find(organization);
        await db.manager.query(
          `UPDATE engine_rows r SET payload = r.payload || jsonb_build_object('authTime', (r.payload ->> 'authTime')::int - 3600)
             FROM grants g WHERE g.id = r.grant_id AND g.organization_id = $1`,
          [id],
        );
        await organizations.update(await organizations.find(id), {
          settings: { policy: { session_seconds: 1800 } },
        } as never);
      });
      return token(house, house.parties.web, { grant_type: 'refresh_token', refresh_token });
    },
  },
];
