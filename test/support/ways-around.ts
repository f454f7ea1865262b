// Ways in which somebody who knows the first factor might try to go around the second.
import { expect } from '@jest/globals';
import type { Page } from './browser.js';
import { asksEnrolment, type GuardedHouse, type WayIn } from './guarded.js';
import { baseOf, csrfOf, nameOf, resumeOf, silently } from './journey.js';
import { delivered } from './mailbox.js';
import { authorizationUrl, makeClient, makePerson, password, pkce } from './party.js';

/** Where it ended is returned where that is a page of a sign-in; whoever is in afterwards is looked at in any case. */
type Around = (at: Page, wayIn: WayIn) => Promise<Page | undefined>;

export const waysAround = (house: GuardedHouse): Record<string, Around> => ({
  'going on where the engine waits': (at) => house.browser.open(resumeOf(at)),
  'opening the dispatcher again': (at) => house.browser.open(baseOf(at)),
  'asking silently in a second tab': async () => {
    expect((await silently(house.server, house.party, house.browser)).get('error')).toBe('login_required');
    return undefined;
  },
  'a second tab': () => house.begin(),
  'the same as a program': async (at) => {
    const program = async (path: string, members: object) => {
      const uid = baseOf(at).split('/').at(-1);
      const response = await house.browser.request(`${house.server.issuer}/api/v1/auth/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', 'x-csrf-token': csrfOf(at) },
        body: JSON.stringify({ interaction: uid, ...members }),
      });
      expect(response.status).toBeGreaterThanOrEqual(400);
    };
    await program('login', { username: house.victim.email, password });
    await program('2fa/verify', { code: await house.code(house.own.secret) });
    await program('2fa/verify', { email_code: '000000' });
    await program('2fa/send', {});
    await program('recovery-login', { recovery_code: house.own.codes[0] });
    return house.browser.open(baseOf(at));
  },
  'the pages of the account': async () => {
    for (const path of ['', '/security', '/security/totp', '/email', '/devices', '/export', '/delete']) {
      const page = await house.browser.open(`${house.server.issuer}/account${path}`);
      expect([path, page.html.includes(house.victim.id) || page.html.includes('account-nav')]).toEqual([path, false]);
    }
    const me = await house.browser.request(`${house.server.issuer}/api/v1/auth/me`, {
      headers: { accept: 'application/json' },
    });
    expect(me.status).toBe(401);
    return undefined;
  },
  'a session from before it was required': async (_at, wayIn) => {
    await house.policy({ multi_factor: 'off' });
    await wayIn(await house.begin(), house.victim, house.browser);
    expect(await house.sessionsOf(house.victim)).toBe(1);
    await house.policy({});
    expect((await silently(house.server, house.party, house.browser)).get('error')).not.toBeNull();
    const page = house.stillOutside(await house.begin());
    await house.server.inside(({ protocol }) => protocol.sessions.endAll(house.victim.id, 'revoked'));
    return page;
  },
  'another address, given by an administrator': async (_at, wayIn) => {
    const email = `new-${house.victim.email}`;
    await house.server.inside(async ({ users }) => users.update(await users.find(house.victim.id), { email }));
    return wayIn(await house.begin({}, house.browser), { ...house.victim, email }, house.browser);
  },
  'factors that an administrator took away': async (_at, wayIn) => {
    await house.server.inside(async ({ accountLocks, users }) =>
      accountLocks.removeSecondFactors(await users.find(house.victim.id)),
    );
    house.clock.move(1);
    const page = await wayIn(await house.begin(), house.victim, house.browser);
    expect(asksEnrolment(page)).toBe(true);
    return page;
  },
  'the way back for lost factors, before its time': async (at) => {
    await house.step(at, 'second_factor', { lost: 'yes' });
    await delivered(house.server);
    const mails = await house.server.inside(({ mail }) => mail.mailbox(500));
    const text = mails.find(
      ({ to, text: said }) => to === house.victim.email && said.includes('factor-recovery'),
    )?.text;
    const link = /http\S+factor-recovery\S+/.exec(text ?? '')?.[0];
    if (link) await house.browser.submit(await house.browser.open(link), {}).catch(() => undefined);
    return house.browser.open(baseOf(at));
  },
  'an own account that is left in the middle of setting up a factor': async (_at, wayIn) => {
    const bare = { ...(await makePerson(house.server)), secret: '', codes: [] };
    const page = await house.byPassword(await house.begin(), bare, house.browser);
    expect(asksEnrolment(page)).toBe(true);
    house.clock.move(11 * 60);
    return wayIn(await house.browser.open(`${baseOf(page)}?identify`), house.victim, house.browser);
  },
  'the back button, and the first factor again': async (_at, wayIn) =>
    wayIn(await house.begin(), house.victim, house.browser),
  'every other step, out of order': async (at) => {
    for (const [name, fields] of Object.entries<Record<string, string>>({
      login: { username: house.victim.email, password },
      email_code: { code: '000000' },
      change_password: { password: 'another good passphrase' },
      enrolment: { offer: 'x', code: '000000' },
      recovery_codes: {},
      select_account: { account: 'other' },
      consent: { decision: 'allow' },
      finish: {},
      second_factor: {},
    }))
      await house.step(at, name, fields);
    return house.browser.open(baseOf(at));
  },
  'another first factor on top': async (at) => {
    await house.step(at, 'login', { username: house.victim.email, with: 'email_code' });
    await house.step(at, 'login', { username: house.victim.email, password });
    return house.browser.open(baseOf(at));
  },
  'the code of one’s own account': async (at) => house.browser.submit(at, { code: await house.code(house.own.secret) }),
  'a recovery code of one’s own account': async (at) =>
    house.browser.submit(await house.browser.open(`${baseOf(at)}?with=recovery_code`), {
      recovery_code: String(house.own.codes[0]),
    }),
  'a passkey of one’s own account': async (at) => {
    const authenticator = await house.passkeyOf(house.own);
    const options = await house.server.inside(async ({ passkeyCeremonies, users }) =>
      passkeyCeremonies.authenticationOptions(baseOf(at).split('/').at(-1) ?? '', await users.find(house.own.id)),
    );
    return house.step(at, 'second_factor', { passkey: JSON.stringify(authenticator.get(options)) });
  },
  'an offer to set up an authenticator, made for one’s own account': async (at) => {
    const flow = baseOf(at).split('/').at(-1) ?? '';
    const offer = await house.server.inside(async ({ totp, users }) =>
      totp.offer(await users.find(house.own.id), 'Acme', flow),
    );
    await house.step(at, 'enrolment', { offer: offer.sealed, code: await house.code(offer.secret) });
    return house.browser.open(baseOf(at));
  },
  'a browser that remembers one’s own account': async (_at, wayIn) => {
    await house.fullSignIn(house.own, house.browser);
    for (const [key, { name }] of house.browser.cookies)
      if (!name.includes('ostiary_device')) house.browser.cookies.delete(key);
    return wayIn(await house.begin(), house.victim, house.browser);
  },
  'the end of a sign-in of one’s own': async (_at, wayIn) => {
    await house.fullSignIn(house.own, house.browser);
    return wayIn(await house.begin({ prompt: 'login' }), house.victim, house.browser);
  },
  'choosing another account beside one’s own': async (_at, wayIn) => {
    await house.fullSignIn(house.own, house.browser);
    const chosen = await house.browser.submit(await house.begin({ prompt: 'select_account' }), { account: 'other' });
    return wayIn(chosen, house.victim, house.browser);
  },
  'switching the account at the consent': async (_at, wayIn) => {
    const asking = await makeClient(house.server, { consent_policy: 'explicit' });
    await house.fullSignIn(house.own, house.browser);
    const consent = await house.browser.open(authorizationUrl(house.server, asking, pkce(), { prompt: 'consent' }));
    expect(nameOf(consent)).toBe('consent');
    return wayIn(await house.browser.open(`${baseOf(consent)}/switch`), house.victim, house.browser);
  },
  'asking for less': async (_at, wayIn) =>
    wayIn(await house.begin({ acr_values: 'urn:ostiary:acr:1fa' }), house.victim, house.browser),
  'asking for more than there is': async (_at, wayIn) =>
    wayIn(await house.begin({ acr_values: 'urn:ostiary:acr:phrh' }), house.victim, house.browser),
  'a class nobody knows': async (_at, wayIn) =>
    wayIn(await house.begin({ acr_values: 'urn:example:none' }), house.victim, house.browser),
  'a password that was set by a link': async (_at, wayIn) => {
    const link = await house.server.inside(async ({ passwordLinks, users }) =>
      passwordLinks.issue(await users.find(house.victim.id)),
    );
    await house.browser.submit(await house.browser.open(link), { password });
    expect(await house.sessionsOf(house.victim)).toBe(0);
    house.clock.move(1);
    return wayIn(await house.begin(), house.victim, house.browser);
  },
  'a link to close the account': async (at) => {
    const link = await house.server.inside(async ({ lockdownLinks, users }) =>
      lockdownLinks.issue(await users.find(house.victim.id)),
    );
    await house.browser.submit(await house.browser.open(link), {});
    return house.browser.open(baseOf(at));
  },
  'registering the address again': async (_at, wayIn) => {
    await house.policy({ registration: 'open' });
    const flow = 'x'.repeat(21);
    await house.server.inside(({ registration }) =>
      registration.register({ email: house.victim.email, password, flow }),
    );
    return wayIn(await house.begin(), house.victim, house.browser);
  },
  'a browser that was remembered before the password was changed': async (_at, wayIn) => {
    await house.fullSignIn(house.victim, house.browser);
    for (const [key, { name }] of house.browser.cookies)
      if (!name.includes('ostiary_device')) house.browser.cookies.delete(key);
    house.clock.move(1);
    await house.server.inside(async ({ passwords, users }) =>
      passwords.set(await users.find(house.victim.id), password),
    );
    return wayIn(await house.begin(), house.victim, house.browser);
  },
  'a code that was used': async (_at, wayIn) => {
    const second = await wayIn(await house.begin({}, house.browser), house.victim, house.browser);
    const used = await house.code(house.victim.secret);
    await house.server.inside(async ({ secondFactors, users }) =>
      secondFactors.verify(await users.find(house.victim.id), 'totp', used),
    );
    return house.browser.submit(second, { code: used });
  },
  'an authenticator, where the tenant takes passkeys only': async (at) => {
    await house.passkeyOf(house.victim);
    await house.policy({ second_factors: ['passkey'] });
    await house.step(at, 'second_factor', { code: await house.code(house.victim.secret) });
    return house.browser.open(baseOf(at));
  },
});
