// What needs a person, a second request or a signature: the checks that no single parameter fails.
import { Browser } from '../../support/browser.js';
import { authorizationUrl, makePerson, pkce, signIn } from '../../support/party.js';
import { dpopKey, proofOf } from '../../support/proofs.js';
import {
  anotherKey,
  authorize,
  codeFor,
  parametersOf,
  push,
  type Refused,
  type RefusedHouse,
  refreshTokenFor,
  signed,
  token,
} from '../../support/refused.js';
import type { Ask } from './token-cases.js';

const now = () => Math.floor(Date.now() / 1000);

type Send = (house: RefusedHouse, request: string) => Promise<Refused>;
const atAuthorize: Send = (house, request) => authorize(house, house.parties.signing, { request });
const atPar: Send = (house, request) => push(house, house.parties.signing, { request });

/** RFC 9101 §4: one that is right but for what is said here. */
const object =
  (claims: object | (() => object), send: Send, signing: { header?: object; stranger?: string } = {}) =>
  async (house: RefusedHouse): Promise<Refused> => {
    const { signing: party } = house.parties;
    const inside = Object.fromEntries(parametersOf(house.server, party, {}));
    const said = { ...inside, ...(typeof claims === 'function' ? claims() : claims) };
    const key = signing.stranger ? await anotherKey(signing.stranger) : house.key;
    return send(house, await signed(house, party, said, { header: signing.header ?? {}, key }));
  };

const both = (
  check: string,
  ...[claims, signing]: [object | (() => object), { header?: object; stranger?: string }?]
): Ask[] =>
  [atAuthorize, atPar].map((send) => ({
    check,
    error: 'invalid_request_object',
    ask: object(claims, send, signing),
  }));

export const requestObjects: readonly Ask[] = [
  ...both('request.nested', { request_uri: 'https://rp.example/request' }),
  ...both('request.client_id', { client_id: 'another' }),
  ...both('request.alg_registered', {}, { header: { alg: 'EdDSA' }, stranger: 'EdDSA' }),
  ...both('request.claims', () => ({ exp: now() - 600 })),
  ...both('request.claims', { aud: 'https://other.example' }),
  ...both('request.claims', { iss: 'another' }),
  ...both('request.typ', {}, { header: { typ: 'at+jwt' } }),
  ...both('request.signature', {}, { stranger: 'ES256' }),
  {
    check: 'request.response_type',
    error: 'invalid_request_object',
    ask: object({ response_type: 'none' }, atAuthorize),
  },
  ...[atAuthorize, atPar].map((send) => ({
    check: 'request.alg_supported',
    error: 'invalid_request_object',
    ask: (house: RefusedHouse) => {
      const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      return send(house, `${encode({ alg: 'none' })}.${encode({ client_id: house.parties.signing.clientId })}.`);
    },
  })),
  {
    check: 'keys.fetched',
    error: 'invalid_client_metadata',
    async ask(house) {
      const { fetched } = house.parties;
      const inside = Object.fromEntries(parametersOf(house.server, fetched, {}));
      return authorize(house, fetched, { request: await signed(house, fetched, inside) });
    },
  },
];

/** Signed in here, and nothing agreed to yet. */
async function somebody({ server, parties }: RefusedHouse): Promise<Browser> {
  const browser = new Browser();
  await signIn(browser, authorizationUrl(server, parties.web, pkce()), (await makePerson(server)).email);
  return browser;
}

export const people: readonly Ask[] = [
  {
    check: 'prompt.consent_needed',
    error: 'consent_required',
    ask: async (house) =>
      authorize(house, house.parties.narrow, { prompt: 'none', scope: 'openid' }, await somebody(house)),
  },
  {
    check: 'prompt.interaction_needed',
    error: 'interaction_required',
    async ask(house) {
      const { server, parties } = house;
      const browser = new Browser();
      // Agreed to before: a native application asks all the same.
      await signIn(browser, authorizationUrl(server, parties.native, pkce()), (await makePerson(server)).email);
      return authorize(house, parties.native, { prompt: 'none' }, browser);
    },
  },
  {
    check: 'acr.reached',
    error: 'unmet_authentication_requirements',
    ask: (house) =>
      authorize(house, house.parties.web, { prompt: 'none', acr_values: 'urn:ostiary:acr:phr' }, house.browser),
  },
  {
    check: 'person.agreed',
    error: 'access_denied',
    async ask(house) {
      const browser = await somebody(house);
      const page = await browser.open(
        authorizationUrl(house.server, house.parties.narrow, pkce(), { scope: 'openid' }),
      );
      const { url } = await browser.submit(page, { decision: 'deny' });
      const told = new URL(url).searchParams;
      const reference = told.get('error_uri')?.split('/').at(-1) ?? '';
      return { status: 303, error: told.get('error') ?? undefined, reference, text: url };
    },
  },
];

export const seconds: readonly Ask[] = [
  ...(['/token', '/par'] as const).map(
    (path): Ask => ({
      check: 'dpop.once',
      error: 'invalid_dpop_proof',
      async ask(house) {
        const dpop = await proofOf(house.key, { htm: 'POST', htu: `${house.server.issuer}${path}` });
        const send = () =>
          path === '/par'
            ? push(house, house.parties.web, {}, { dpop })
            : token(house, house.parties.web, { grant_type: 'client_credentials' }, { dpop });
        await send();
        return send();
      },
    }),
  ),
  {
    check: 'dpop.jkt_said',
    error: 'invalid_request',
    async ask(house) {
      const dpop = await proofOf(house.key, { htm: 'POST', htu: `${house.server.issuer}/par` });
      return push(house, house.parties.web, { dpop_jkt: 'x'.repeat(43) }, { dpop });
    },
  },
  {
    check: 'dpop.same_key',
    error: 'invalid_grant',
    async ask(house) {
      const { server, parties } = house;
      const proof = async (key = house.key) => proofOf(key, { htm: 'POST', htu: `${server.issuer}/token` });
      const refresh_token = await refreshTokenFor(house, parties.web);
      const form = { grant_type: 'refresh_token', refresh_token };
      await token(house, parties.web, form, { dpop: await proof() });
      return token(house, parties.web, form, { dpop: await proof(await dpopKey()) });
    },
  },
  {
    check: 'code.in_time',
    error: 'invalid_grant',
    async ask(house) {
      const proof = pkce();
      const code = await codeFor(house, house.parties.web, proof);
      await agedRows(house, 'AuthorizationCode');
      const redirect_uri = house.parties.web.redirectUri;
      const form = { grant_type: 'authorization_code', code, redirect_uri, code_verifier: proof.verifier };
      return token(house, house.parties.web, form);
    },
  },
  {
    check: 'refresh_token.in_time',
    error: 'invalid_grant',
    async ask(house) {
      const refresh_token = await refreshTokenFor(house, house.parties.web);
      await agedRows(house, 'RefreshToken');
      return token(house, house.parties.web, { grant_type: 'refresh_token', refresh_token });
    },
  },
  {
    check: 'resource.one',
    error: 'invalid_target',
    async ask(house) {
      const resource = ['https://one.example/', 'https://two.example/'];
      for (const identifier of resource)
        await house.server.inside(({ resources }) => resources.create({ identifier, name: 'Trips' }));
      return token(house, house.parties.web, { grant_type: 'client_credentials', resource });
    },
  },
];

/** As they are when their time is over. */
const agedRows = ({ server }: RefusedHouse, kind: string) =>
  server.inside(({ db }) =>
    db.manager.query(
      `UPDATE engine_rows SET payload = payload || jsonb_build_object('exp', $2::int), expires_at = to_timestamp($2::int) WHERE kind = $1`,
      [kind, now() - 10],
    ),
  );
