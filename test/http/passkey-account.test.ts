// Passkeys are added and taken away by their own account, on a proof that is new (WebAuthn §7.1, §13.4; NIST SP 800-63B-4 §4.1).
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generate } from 'otplib';
import { Browser } from '../support/browser.js';
import { csrfOf, send } from '../support/journey.js';
import { makePerson } from '../support/party.js';
import { formOf, PasskeyOwner } from '../support/passkey-owner.js';

describe('the passkeys of an account', () => {
  const owner = new PasskeyOwner();
  beforeAll(() => owner.open(), 60_000);
  afterAll(() => owner.server?.close());
  beforeEach(() => owner.anew());

  const { add, authenticator, byPasskey, held, page } = owner;
  const { json: ask } = owner;
  const { list: open } = owner;

  it('gets none while the account is being closed by its owner (OWASP ASVS 5.0 V7.4.2)', async () => {
    const shown = await open();
    const { body } = await ask('POST', '/register/options', csrfOf(shown));
    const answer = { passkey: JSON.stringify(authenticator().create(body)) };
    await owner.whileClosing(() => owner.browser.submit(shown, answer, formOf(shown, 'data-passkey-create')));
    expect(await held()).toEqual([]);
  });

  it('gets one more, with recovery codes for when it is lost, and a letter', async () => {
    const shown = await add(authenticator({ aaguid: 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4', backupEligible: true }));
    expect(shown.html.match(/<code>[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}<\/code>/g)).toHaveLength(10);
    expect(await owner.letters()).toEqual(['factor_added']);
    const list = await owner.browser.open(page());
    expect(list.html).toContain('Google Password Manager');
    expect(list.html).toContain('not used yet');
    const [, signal = ''] = /data-passkey-signal="([^"]*)"/.exec(list.html) ?? [];
    const [passkey] = await held();
    expect(JSON.parse(signal.replaceAll('&quot;', '"'))).toMatchObject({
      rpId: 'localhost',
      name: owner.person.email,
      allAcceptedCredentialIds: [passkey?.credentialId],
    });
  });

  it('takes no answer of another session, another owner.person, after five minutes or twice (C17)', async () => {
    const mine = authenticator();
    await add(mine);
    owner.browser = new Browser();
    const shown = await byPasskey(mine, owner.browser);
    const csrf = csrfOf(shown);
    const place = formOf(shown, 'data-passkey-create');
    const options = async () => (await ask('POST', '/register/options', csrf)).body;
    const submit = (text: string) => owner.browser.submit(shown, { passkey: text }, place);
    const second = new Browser();
    const inSecond = csrfOf(await byPasskey(mine, second));
    const elsewhere = (await ask('POST', '/register/options', inSecond, undefined, second)).body;
    const other = await makePerson(owner.server);
    const stranger = new Browser();
    const theirs = await ask(
      'POST',
      '/register/options',
      csrfOf(await open(stranger, other.email)),
      undefined,
      stranger,
    );
    const late = await options();
    owner.clock.move(301);
    const used = JSON.stringify(authenticator().create(await options()));
    expect((await submit(used)).status).toBe(200);
    for (const text of [
      JSON.stringify(authenticator().create(elsewhere)),
      JSON.stringify(authenticator().create(theirs.body)),
      JSON.stringify(authenticator().create(late)),
      used,
      '{"id":1}',
      'no json',
      '',
    ])
      expect((await submit(text)).status).toBe(422);
    expect(await held()).toHaveLength(2);
  });

  it('asks for a proof of the last ten minutes before anything, and for the passkey once there is one', async () => {
    const shown = await open();
    owner.clock.move(601);
    const csrf = csrfOf(shown);
    const stale = await ask('POST', '/register/options', csrf);
    expect([stale.status, stale.body.code, stale.body.max_age]).toEqual([401, 'step_up_required', 600]);
    expect(String(stale.body.location)).toContain('/authorize?');
    expect((await ask('GET', '', '')).status).toBe(200);
    const fresh = new Browser();
    await add(authenticator(), fresh);
    const [passkey] = await held();
    const weak = await ask('DELETE', `/${passkey?.credentialId}`, csrfOf(await open(fresh)), undefined, fresh);
    expect([weak.status, weak.body.acr_values]).toEqual([401, 'urn:ostiary:acr:mfa']);
    expect(await held()).toHaveLength(1);
  });

  it('calls them what the person likes, and nobody else does', async () => {
    const made = authenticator();
    await add(made);
    const [passkey] = await held();
    const visitor = new Browser();
    const list = await byPasskey(made, visitor);
    const renamed = await visitor.submit(list, { name: 'Blue <b>key</b>' }, formOf(list, '/name'));
    expect(renamed.html).toContain('Blue &lt;b&gt;key&lt;/b&gt;');
    expect((await visitor.submit(renamed, { name: ' ' }, formOf(renamed, '/name'))).status).toBe(422);
    const other = await makePerson(owner.server);
    const stranger = new Browser();
    const csrf = csrfOf(await open(stranger, other.email));
    for (const path of ['name', 'remove'])
      expect((await send(stranger, `${page()}/${passkey?.credentialId}/${path}`, { csrf, name: 'x' })).status).toBe(
        404,
      );
    expect((await ask('PATCH', `/${passkey?.credentialId}`, csrf, { name: 'x' }, stranger)).status).toBe(404);
    expect((await ask('DELETE', `/${passkey?.credentialId}`, csrf, undefined, stranger)).status).toBe(404);
    const { body } = await ask('PATCH', `/${passkey?.credentialId}`, csrfOf(renamed), { name: 'Green' }, visitor);
    expect(body.name).toBe('Green');
    const strange = await ask('PATCH', `/${passkey?.credentialId}`, csrfOf(renamed), { name: 'x', user: 'y' }, visitor);
    expect(strange.status).toBe(422);
  });

  it('loses one, and with the last second factor the codes and the remembered browsers; a letter tells of it', async () => {
    const made = authenticator();
    await add(made);
    await owner.server.inside(async ({ devices, users }) => devices.trust(await users.find(owner.person.id), [], 30));
    const visitor = new Browser();
    const list = await byPasskey(made, visitor);
    expect(list.html).toMatch(/last used (?!Invalid)/);
    const gone = await visitor.submit(list, {}, formOf(list, '/remove'));
    expect(gone.html).toContain('The passkey is removed.');
    expect(await held()).toEqual([]);
    expect(gone.html).toContain('allAcceptedCredentialIds&quot;:[]');
    expect(await owner.server.inside(({ devices }) => devices.trustedOf(owner.person))).toEqual([]);
    expect(await owner.server.inside(({ recoveryCodes }) => recoveryCodes.left(owner.person.id))).toBe(0);
    expect((await owner.letters()).at(-1)).toBe('factor_removed');
  });

  it('keeps the last way in', async () => {
    const made = authenticator();
    await add(made);
    await owner.query('DELETE FROM password_credentials WHERE user_id = $1', [owner.person.id]);
    const visitor = new Browser();
    const list = await byPasskey(made, visitor);
    const refused = await visitor.submit(list, {}, formOf(list, '/remove'));
    expect([refused.status, refused.html.includes('This is the only way into your account.')]).toEqual([409, true]);
    const [passkey] = await held();
    const { status, body } = await ask('DELETE', `/${passkey?.credentialId}`, csrfOf(refused), undefined, visitor);
    expect([status, body.code]).toEqual([409, 'last_way_in']);
    expect(await held()).toHaveLength(1);
  });

  it('keeps the last second factor where the tenant requires one, whoever removes both at once', async () => {
    const made = authenticator();
    await add(made);
    const user = await owner.server.inside(({ users }) => users.find(owner.person.id));
    await owner.server.inside(async ({ totp, ownFactors }) => {
      const offer = totp.offer(user, 'Acme', 'flow');
      const epoch = Math.floor(owner.clock.now().getTime() / 1000);
      await ownFactors.addTotp(user, offer, await generate({ secret: offer.secret, epoch }));
    });
    await owner.policy({ multi_factor: 'required' });
    const [passkey] = await held();
    const ends = await Promise.allSettled([
      owner.server.inside(({ ownFactors }) => ownFactors.removeTotp(user)),
      owner.server.inside(({ ownFactors }) => ownFactors.removePasskey(user, String(passkey?.credentialId))),
    ]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const { totp, passkeys } = await owner.server.inside(({ secondFactors }) => secondFactors.of(owner.person.id));
    expect(Number(totp) + passkeys.length).toBe(1);
  });

  it('as JSON: a round trip, the list, and away with it', async () => {
    const csrf = csrfOf(await open());
    const made = authenticator();
    const { body: options } = await ask('POST', '/register/options', csrf);
    expect(options).toMatchObject({ rp: { id: 'localhost' }, timeout: 300_000, excludeCredentials: [] });
    expect((await ask('POST', '/register/verify', csrf, { id: '<>' })).status).toBe(422);
    const elsewhere = made.create(options, { origin: 'https://elsewhere.example' });
    const { status, body } = await ask('POST', '/register/verify', csrf, elsewhere);
    expect([status, body.code]).toEqual([422, 'passkey_failed']);
    const { body: asked } = await ask('POST', '/register/options', csrf);
    const verified = await ask('POST', '/register/verify', csrf, made.create(asked));
    expect([verified.status, verified.body.recovery_codes.length]).toEqual([201, 10]);
    const { body: list } = await ask('GET', '', '');
    expect(list.items).toEqual([verified.body.passkey]);
    expect(Object.keys(list.items[0]).sort()).toEqual([
      ...['created_at', 'device_bound', 'flagged_at', 'id', 'last_used_at', 'name', 'provider', 'synced'],
    ]);
    for (const [method, path] of [
      ['POST', '/register/options'],
      ['POST', '/register/verify'],
      ['PATCH', '/x'],
      ['DELETE', '/x'],
    ] as const) {
      expect([path, (await ask(method, path, '')).status]).toEqual([path, 403]);
      expect([path, (await ask(method, path, csrf, undefined, new Browser())).status]).toEqual([path, 401]);
    }
    expect((await ask('GET', '', '', undefined, new Browser())).status).toBe(401);
  });

  it('excludes what is there already (WebAuthn §5.4, excludeCredentials), and only makes that the policy allows', async () => {
    const csrf = csrfOf(await open());
    const made = authenticator();
    const { body: first } = await ask('POST', '/register/options', csrf);
    await owner.policy({ passkeys: { allowed_aaguids: ['ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4'] } });
    const other = await ask('POST', '/register/verify', csrf, made.create(first));
    expect([other.status, other.body.code]).toEqual([422, 'passkey_not_allowed']);
    await owner.policy({});
    const { body: second } = await ask('POST', '/register/options', csrf);
    const kept = await ask('POST', '/register/verify', csrf, made.create(second));
    const visitor = new Browser();
    const list = await byPasskey(made, visitor);
    const { body: third } = await ask('POST', '/register/options', csrfOf(list), undefined, visitor);
    expect(third.excludeCredentials).toMatchObject([{ id: kept.body.passkey.id }]);
  });
});
