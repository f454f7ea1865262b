import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { acrValues } from '../../config/protocol.js';
import { Browser, type Page, readForm } from '../support/browser.js';
import { StoppedClock } from '../support/clock.js';
import { nameOf, silently, titleOf } from '../support/journey.js';
import { changePolicy, makeOrganization, type TestOrganization } from '../support/organizations.js';
import {
  authorizationUrl,
  codeOf,
  errorOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  redeem,
  refresh,
} from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { codeIn, generous } from '../support/sign-in-letters.js';
import { totpCode } from '../support/totp.js';

const [one, mfa, phr] = acrValues;
const scope = 'openid organization';

describe('proof that an organization takes', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let secret: string;
  let browser: Browser;
  let letters: string[];

  beforeAll(async () => {
    server = await startServer({ overrides: { clock, letters: generous } as never });
    party = await makeClient(server, { scope: `${scope} offline_access`, consent_policy: 'implicit' });
    await setPolicy(server, { first_factors: ['password', 'email_code', 'passkey'], multi_factor: 'off' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    browser = new Browser();
    letters = [];
    person = await makePerson(server);
    secret = await server.inside(async ({ totp, users }) => {
      const user = await users.find(person.id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await totpCode(offer.secret, clock.now()));
      return offer.secret;
    });
    clock.move(30);
  });

  const make = (policy: object = {}) => makeOrganization(server, { policy, members: [person] });

  /** Answers whatever is asked, and notes what that was. @returns where it ended. */
  async function visit(organization: TestOrganization | undefined, more: Record<string, string> = {}) {
    const asked: string[] = [];
    const proof = pkce();
    const named: Record<string, string> = organization
      ? { scope, organization: organization.slug }
      : { scope: 'openid' };
    let page: Page = await browser.open(authorizationUrl(server, party, proof, { ...named, ...more }));
    for (let step = 0; step < 10 && page.html.includes('<form'); step += 1) {
      if (page.html.includes('id="organization-back"') || nameOf(page) === 'change_password') break;
      if (page.html.includes('id="mfa-submit"')) {
        asked.push(page.html.includes('email_code') ? 'email_code' : 'totp');
        clock.move(30);
        page = await browser.submit(page, { code: await totpCode(secret, clock.now()) });
      } else if (page.html.includes('/email_code"')) {
        asked.push('email_code');
        const code = await codeIn(server, person.email, ...letters);
        letters.push(code);
        page = await browser.submit(page, { code });
      } else if (page.html.includes('name="password"')) {
        asked.push('password');
        page = await browser.submit(page, { password });
      } else if (page.html.includes('value="password"') || nameOf(page) === 'identifier') {
        const byCode = page.html.includes('value="email_code"');
        page = await browser.submit(page, { username: person.email, ...(byCode ? { with: 'email_code' } : {}) });
      } else break;
    }
    const code = page.url.includes('code=') ? codeOf(page) : undefined;
    const tokens = code ? (await redeem(server, party, code, proof)).body : undefined;
    const claims = tokens ? decodeJwt(String(tokens.id_token)) : undefined;
    return { asked, page, tokens, claims };
  }
  const silent = async (organization: TestOrganization, more: Record<string, string> = {}) =>
    (await silently(server, party, browser, { scope, organization: organization.slug, ...more })).get('error');
  const orders = <T>(all: T[]): T[][] =>
    all.length === 0
      ? [[]]
      : all.flatMap((first) => orders(all.filter((one) => one !== first)).map((rest) => [first, ...rest]));

  it.each(orders(['nothing', 'class', 'way', 'age']))(
    'is asked for once, whatever is visited first: %s, %s, %s, %s',
    async (...order) => {
      const organizations: Record<string, TestOrganization> = {
        nothing: await make(),
        class: await make({ acr: mfa }),
        way: await make({ ways_in: ['email_code'] }),
        age: await make({ session_seconds: 1200 }),
      };
      const asked: string[] = [];
      for (const name of order) {
        const { asked: now, claims } = await visit(organizations[name]);
        asked.push(...now);
        expect([name, claims?.org_id]).toEqual([name, organizations[name]?.id]);
        if (name === 'class') expect(claims?.acr).toBe(mfa);
        if (name === 'way') expect(claims?.amr).toContain('otp');
      }
      // The mailbox beside the password is two factors as well: whoever came that way first is not asked for more.
      const first = order.indexOf('way') < order.indexOf('class');
      expect(asked.sort()).toEqual(first ? ['email_code', 'password'] : ['email_code', 'password', 'totp']);
      // Nothing was lost on the way: every one of them goes on without a word.
      for (const name of order)
        expect([name, await silent(organizations[name] as TestOrganization)]).toEqual([name, null]);
      expect((await silently(server, party, browser, { scope: 'openid' })).get('error')).toBeNull();
    },
    60_000,
  );

  it('leaves what others rest on: a weaker way in takes no class from the session', async () => {
    await visit(undefined, { acr_values: mfa });
    expect((await visit(undefined)).claims).toMatchObject({ acr: mfa });
    const { asked, claims } = await visit(await make({ ways_in: ['email_code'] }));
    expect([asked, claims?.acr]).toEqual([['email_code'], mfa]);
    const after = await visit(undefined);
    expect([after.asked, after.claims?.acr]).toEqual([[], mfa]);
  });

  it('is missing: prompt=none is login_required, and the way to prove it is open', async () => {
    const strict = await make({ acr: mfa });
    await visit(undefined);
    expect(await silent(strict)).toBe('login_required');
    expect((await visit(strict)).asked).toEqual(['totp']);
    expect(await silent(strict)).toBeNull();
  });

  it('says in the token what counts there, not what the session says', async () => {
    const age = await make({ session_seconds: 600 });
    const first = await visit(age);
    clock.move(400);
    const second = await visit(undefined, { prompt: 'login' });
    expect(second.asked).toEqual(['password']);
    const third = await visit(age);
    expect(third.asked).toEqual([]);
    expect(third.claims?.auth_time).toBe(second.claims?.auth_time);
    expect(Number(third.claims?.auth_time)).toBeGreaterThan(Number(first.claims?.auth_time));
  });

  describe('no older than it takes (session_seconds)', () => {
    it('is asked for again when it is too old, and others go on', async () => {
      const [age, plain] = [await make({ session_seconds: 600 }), await make()];
      await visit(age);
      await visit(plain);
      clock.move(601);
      expect(await silent(age)).toBe('login_required');
      expect(await silent(plain)).toBeNull();
      const { asked, claims } = await visit(age);
      expect([asked, claims?.org_id]).toEqual([['password'], age.id]);
      expect(await silent(age)).toBeNull();
    });

    it('ends refresh tokens then, and those of others go on', async () => {
      const [age, plain] = [await make({ session_seconds: 600 }), await make()];
      const [aged, going] = [(await visit(age)).tokens, (await visit(plain)).tokens];
      clock.move(601);
      const { body, status } = await refresh(server, party, String(aged?.refresh_token));
      expect([status, body.error]).toEqual([400, 'invalid_grant']);
      expect((await refresh(server, party, String(going?.refresh_token))).status).toBe(200);
      // Proved anew, only what was given for that is good.
      const renewed = (await visit(age)).tokens;
      expect((await refresh(server, party, String(renewed?.refresh_token))).status).toBe(200);
      expect((await refresh(server, party, String(aged?.refresh_token))).body.error).toBe('invalid_grant');
    });

    it('bounds the life of access tokens', async () => {
      const age = await make({ session_seconds: 300 });
      const { tokens } = await visit(age);
      // The clock of the test is a little ahead of the engine's.
      expect(Number(tokens?.expires_in)).toBeLessThan(400);
    });

    it('bounds them by what they stand on, also where newer proofs have prolonged what was granted', async () => {
      const age = await make({ session_seconds: 600 });
      const older = (await visit(age)).tokens;
      clock.move(590);
      await visit(age, { prompt: 'login' });
      const { body, status } = await refresh(server, party, String(older?.refresh_token));
      expect(status).toBe(200);
      expect(Number(body.expires_in)).toBeLessThan(60);
    });

    it('bounds what was granted on the page of consent, also where nobody goes on from there', async () => {
      const age = await make({ session_seconds: 600 });
      const asking = await makeClient(server, { scope });
      let page = await browser.open(authorizationUrl(server, asking, pkce(), { scope, organization: age.slug }));
      page = await browser.submit(page, { username: person.email });
      page = await browser.submit(page, { password });
      const { action, values } = readForm(page);
      const body = new URLSearchParams([...values, ['decision', 'allow']]);
      const headers = { origin: new URL(server.issuer).origin };
      expect((await browser.request(action, { method: 'POST', body, headers })).status).toBe(303);
      const [grant] = await server.services.db.manager.query(
        'SELECT extract(epoch FROM expires_at - created_at)::int AS seconds FROM grants WHERE client_id = $1',
        [asking.clientId],
      );
      expect(grant.seconds).toBeLessThanOrEqual(600);
    });
  });

  describe('that nobody can give: a page, and access_denied for the client', () => {
    const refused = async (organization: TestOrganization, title: string) => {
      const { page, asked } = await visit(organization);
      expect([page.status, titleOf(page)]).toEqual([200, title]);
      const back = await browser.submit(page, { decision: 'deny' });
      expect(errorOf(back)).toBe('access_denied');
      return asked;
    };

    it('a way in that the account does not have', async () => {
      const asked = await refused(await make({ ways_in: ['passkey'] }), 'This organization asks for more');
      expect(asked).toEqual(['password']);
    });

    it('a connection, where there is none', async () => {
      await refused(await make({ ways_in: ['connection'] }), 'This organization asks for more');
    });

    it('another network', async () => {
      await refused(await make({ ip_allow_list: ['198.51.100.0/24'] }), 'Not from this network');
    });

    it('is refused from the session, too, without a sign-in', async () => {
      await visit(undefined);
      const asked = await refused(await make({ ip_allow_list: ['198.51.100.0/24'] }), 'Not from this network');
      expect(asked).toEqual([]);
      expect(await silent(await make({ ip_allow_list: ['198.51.100.0/24'] }))).toBe('access_denied');
    });
  });

  it('a stronger class is set up by whoever has none that would do, right after the sign-in', async () => {
    const { page, asked } = await visit(await make({ acr: phr }));
    // First what they have.
    expect([asked, nameOf(page)]).toEqual([['password', 'totp'], 'enrolment']);
    expect(page.html).toContain('data-passkey-create');
  });

  describe('that is spared (R43)', () => {
    const noted = async (organization: TestOrganization) =>
      (
        (await server.services.db.manager.query(
          `SELECT data FROM audit_events WHERE name = 'organization.proof_bypassed' AND data ->> 'organization_id' = $1`,
          [organization.id],
        )) as { data: Record<string, unknown> }[]
      ).map(({ data }) => data);

    it('for some days after joining, each time with a record of it', async () => {
      const gracious = await make({ acr: mfa, grace_days: 1 });
      expect(await visit(gracious)).toMatchObject({ asked: ['password'], claims: { acr: one } });
      await visit(gracious);
      const record = { user_id: person.id, client_id: party.clientId, reason: 'grace_period' };
      expect(await noted(gracious)).toEqual([expect.objectContaining(record), expect.objectContaining(record)]);
      await server.services.db.manager.query(
        `WITH joined AS (UPDATE memberships SET joined_at = joined_at - interval '1 day' WHERE organization_id = $1)
         UPDATE organizations SET settings = settings - 'policy_since' WHERE id = $1`,
        [gracious.id],
      );
      expect((await visit(gracious)).asked).toEqual(['totp']);
      expect(await noted(gracious)).toHaveLength(2);
    });

    it('for some days after the class was raised: what was asked for before still is', async () => {
      const raised = await make({ acr: mfa, grace_days: 1 });
      await server.services.db.manager.query(
        `WITH joined AS (UPDATE memberships SET joined_at = joined_at - interval '9 days' WHERE organization_id = $1)
         UPDATE organizations SET settings = settings || '{"policy_since": "2020-01-01T00:00:00.000Z"}' WHERE id = $1`,
        [raised.id],
      );
      await changePolicy(server, raised, { acr: phr, grace_days: 1 });
      expect(await visit(raised)).toMatchObject({ asked: ['password', 'totp'], claims: { acr: mfa } });
      expect(await noted(raised)).toEqual([expect.objectContaining({ reason: 'grace_period' })]);
      expect(await silent(raised)).toBeNull();
    });

    it('from a trusted network, with a record', async () => {
      const trusting = await make({ acr: phr, trusted_networks: ['127.0.0.0/8', '::1/128'] });
      expect(await visit(trusting)).toMatchObject({ asked: ['password'], claims: { acr: one, org_id: trusting.id } });
      expect(await noted(trusting)).toEqual([expect.objectContaining({ reason: 'trusted_network' })]);
    });

    it('not where it was proved: then nothing is recorded', async () => {
      const gracious = await make({ acr: mfa, grace_days: 1 });
      await visit(undefined, { acr_values: mfa });
      expect((await visit(gracious)).claims).toMatchObject({ acr: mfa });
      expect(await noted(gracious)).toEqual([]);
    });
  });

  it('is asked for in the session that is there, once the policy has come to ask for it', async () => {
    const organization = await make();
    const { tokens } = await visit(organization);
    await changePolicy(server, organization, { acr: mfa });
    expect(await silent(organization)).toBe('login_required');
    expect((await visit(organization)).asked).toEqual(['totp']);
    expect((await introspect(server, party, String(tokens?.access_token))).body.active).toBe(true);
  });

  describe('a password as long as the organization asks for', () => {
    const long = 'a very long sentence that nobody else has ever thought of';
    const strict = () => make({ password: { min_length: 40 } });
    const changing = async (page: Page, next: string) => {
      expect(nameOf(page)).toBe('change_password');
      return browser.submit(page, { password: next });
    };

    it('is chosen at the next entry by whoever has one from before, and others go on without', async () => {
      const [organization, plain] = [await strict(), await make()];
      expect((await visit(plain)).asked).toEqual(['password']);
      expect(await silent(organization)).toBe('login_required');
      const { page, asked } = await visit(organization);
      expect(asked).toEqual(['password']);
      const short = await changing(page, 'also quite short, is it not');
      expect([short.status, short.html.includes('40')]).toEqual([422, true]);
      const end = await changing(short, long);
      expect(codeOf(end)).toBeTruthy();
      expect(await silent(organization)).toBeNull();
      expect((await visit(organization)).asked).toEqual([]);
    });

    it('is chosen in the first sign-in', async () => {
      const organization = await strict();
      const { page } = await visit(organization);
      expect(codeOf(await changing(page, long))).toBeTruthy();
      const events = await server.services.db.manager.query(
        `SELECT 1 FROM audit_events WHERE name = 'password.change_demanded' AND data ->> 'user_id' = $1`,
        [person.id],
      );
      expect(events).toHaveLength(1);
    });

    it('is asked for wherever a member sets one: the strictest of their organizations has the word', async () => {
      await strict();
      await make({ password: { min_length: 20 } });
      const set = (next: string) =>
        server.inside(async ({ passwords, users }) => passwords.set(await users.find(person.id), next));
      await expect(set('thirty characters are too few.')).rejects.toMatchObject({ status: 422 });
      await expect(set(long)).resolves.toBeUndefined();
      const friend = await makePerson(server);
      const free = async ({ passwords, users }: TestServer['services']) =>
        passwords.set(await users.find(friend.id), 'thirty characters are too few.');
      await expect(server.inside(free)).resolves.toBeUndefined();
    });

    it('is nothing to whoever comes in without one', async () => {
      const organization = await strict();
      await server.inside(async ({ passwords, users }) => passwords.remove(await users.find(person.id)));
      let page = await browser.open(
        authorizationUrl(server, party, pkce(), { scope, organization: organization.slug }),
      );
      page = await browser.submit(page, { username: person.email });
      page = await browser.submit(page, { with: 'email_code' });
      page = await browser.submit(page, { code: await codeIn(server, person.email) });
      expect(codeOf(page)).toBeTruthy();
    });
  });

  it('of another account counts for nobody: who switches proves everything themselves', async () => {
    const strict = await make({ acr: mfa });
    await visit(strict);
    const friend = await makePerson(server);
    const theirs = await makeOrganization(server, { policy: { acr: mfa }, members: [friend] });
    const proof = pkce();
    const url = authorizationUrl(server, party, proof, { scope, organization: theirs.slug, prompt: 'select_account' });
    let page = await browser.open(url);
    page = await browser.submit(page, { account: 'other' });
    page = await browser.submit(page, { username: friend.email });
    page = await browser.submit(page, { username: friend.email, password });
    // They have no second factor: one is set up, and nothing is given before.
    expect(page.html).toMatch(/enrolment/);
    expect(
      await silently(server, party, browser, { scope, organization: theirs.slug }).then((q) => q.get('code')),
    ).toBeNull();
  });
});
