import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../../support/browser.js';
import { giveNameAndPassword, nameOf } from '../../support/journey.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, pkce, redeem } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('what a client asks for one by one (OpenID Connect Core §5.5, §11)', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    party = await makeClient(server);
    person = await makePerson(server);
    browser = new Browser();
  });

  const begin = (more: Record<string, string> = {}, proof = pkce()) =>
    browser.open(authorizationUrl(server, party, proof, more));
  /** To the consent page, or past it where nobody is asked. */
  const atConsent = async (more: Record<string, string> = {}, proof = pkce()) => {
    const page = await begin(more, proof);
    return nameOf(page) === 'identifier' ? giveNameAndPassword(browser, page, person.email) : page;
  };
  const allow = (page: Page) => browser.submit(page, { decision: 'allow' });
  const listed = ({ html }: Page) =>
    [...html.matchAll(/<li>([\s\S]*?)<\/li>/g)].map(([, item]) => (item ?? '').replace(/<[^>]*>|\s+/g, ' ').trim());
  const tokens = async (more: Record<string, string>) => {
    const proof = pkce();
    const page = await atConsent(more, proof);
    const end = nameOf(page) === 'consent' ? await allow(page) : page;
    const { status, body } = await redeem(server, party, codeOf(end), proof);
    expect(status).toBe(200);
    return body;
  };
  const words = (scope: unknown) => String(scope).split(' ').sort();

  describe('the claims parameter (OpenID Connect Core §5.5)', () => {
    const claims = JSON.stringify({ userinfo: { phone_number: { essential: true }, email: null } });

    it('the claims parameter is asked for in words, given when allowed, and remembered (§5.5)', async () => {
      await server.inside(async ({ users }) => {
        await users.update(await users.find(person.id), { claims: { phone_number: '+4912345678' } } as never);
      });
      const proof = pkce();
      const page = await atConsent({ scope: 'openid', claims }, proof);
      expect(listed(page)).toEqual([expect.stringMatching(/e-mail/i), expect.stringMatching(/phone/i)]);
      const { body } = await redeem(server, party, codeOf(await allow(page)), proof);
      const userinfo = await fetch(`${server.issuer}/userinfo`, {
        headers: { authorization: `Bearer ${body.access_token}` },
      });
      expect(await userinfo.json()).toEqual({ sub: person.id, phone_number: '+4912345678', email: person.email });
      codeOf(await begin({ scope: 'openid', claims }));
      expect(nameOf(await begin({ scope: 'openid phone' }))).toBe('consent');
    });

    it('a malformed claims parameter is invalid_request (§5.5)', async () => {
      for (const broken of ['{', '[]', '"x"', '{"userinfo":1}'])
        expect(new URL((await begin({ claims: broken })).url).searchParams.get('error')).toBe('invalid_request');
    });
  });

  describe('offline_access (OpenID Connect Core §11)', () => {
    it('offline_access is granted with consent, and ignored where the person is not asked (§11)', async () => {
      const asked = await tokens({ scope: 'openid offline_access', prompt: 'consent' });
      expect(words(asked.scope)).toEqual(['offline_access', 'openid']);
      const silent = await tokens({ scope: 'openid offline_access' });
      expect(words(silent.scope)).toEqual(['openid']);
    });

    it('offline_access is ignored for a client that takes no refresh tokens (§11)', async () => {
      party = await makeClient(server, { grant_types: ['authorization_code'] });
      const answer = await tokens({ scope: 'openid offline_access', prompt: 'consent' });
      expect([answer.scope, answer.refresh_token]).toEqual(['openid', undefined]);
    });
  });
});
