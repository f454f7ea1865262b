import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compactDecrypt, decodeJwt, exportJWK, generateKeyPair } from 'jose';
import { withContext } from '../../../src/platform/context.js';
import { enter } from '../../support/account.js';
import { press } from '../../support/account-life.js';
import { ask, tokenWith } from '../../support/api.js';
import { Browser } from '../../support/browser.js';
import { giveNameAndPassword, isSignedIn } from '../../support/journey.js';
import { believed, LOGOUT_EVENT, LogoutReceiver } from '../../support/logout-receiver.js';
import { until } from '../../support/pair.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, pkce, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';
import { chrome } from '../../support/traveller.js';

interface Guest {
  id: string;
  email: string;
  browser: Browser;
  /** What the client that asks for it knows the session by. */
  sid: string;
  idToken: string;
  uid: string;
}

describe('a relying party is told of logouts (OpenID Connect Back-Channel Logout 1.0)', () => {
  let server: TestServer;
  let receiver: LogoutReceiver;
  let token: string;
  /** Asks for the sid; does not; has no address at all. */
  let knowing: Party;
  let plain: Party;
  let deaf: Party;
  let paths = 0;

  beforeAll(async () => {
    receiver = await LogoutReceiver.start();
    server = await startServer({ environment: { EGRESS_ALLOW: '127.0.0.1' } });
    token = await tokenWith(server, 'sessions:read sessions:write users:write clients:write');
    knowing = await told('/knowing', { backchannel_logout_session_required: true });
    plain = await told('/plain');
    deaf = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(async () => {
    await server?.close();
    await receiver?.close();
  });

  const told = (path: string, more: Record<string, unknown> = {}) =>
    makeClient(server, { consent_policy: 'implicit', backchannel_logout_uri: receiver.uri(path), ...more });
  const api = async (method: string, path: string) => (await ask(server, token, method, path)).status;
  const query = <T>(text: string, ...values: unknown[]) =>
    server.services.db.manager.query(text, values) as Promise<T[]>;
  const newPath = () => {
    paths += 1;
    return `/${paths}`;
  };

  /** Signed in at all of them in one session. */
  async function guest(parties = [knowing, plain, deaf], person?: { id: string; email: string }): Promise<Guest> {
    const { id, email } = person ?? (await makePerson(server));
    const browser = new Browser();
    let idToken = '';
    for (const party of parties) {
      const tokens = await tokensFor(server, party, email, {}, browser);
      idToken ||= String(tokens.id_token);
    }
    const [row] = await query<{ uid: string }>(
      'SELECT uid FROM sessions WHERE account_id = $1 ORDER BY created_at DESC, uid LIMIT 1',
      id,
    );
    return { id, email, browser, sid: String(decodeJwt(idToken).sid), idToken, uid: String(row?.uid) };
  }
  /** What has come for a person at a path, each as a relying party would believe it. */
  const heard = async (path: string, party: Party, sub: string) =>
    (await Promise.all(receiver.at(path).map(({ token: one }) => believed(server, party, one)))).filter(
      ({ claims }) => claims.sub === sub,
    );
  const notices = (whose: Pick<Guest, 'id'>) =>
    query<{ id: string; client_id: string; session_uid: string; status: string; attempts: number; last_error: string }>(
      'SELECT * FROM logout_notices WHERE account_id = $1 ORDER BY id',
      whose.id,
    );
  const settled = (whose: Pick<Guest, 'id'>, count: number, milliseconds = 30_000) =>
    until(
      `${count} relying parties are told`,
      async () => (await notices(whose)).filter(({ status }) => status === 'delivered').length >= count,
      milliseconds,
    );
  const becomes = (whose: Pick<Guest, 'id'>, expected: object, milliseconds = 20_000) =>
    until(
      JSON.stringify(expected),
      async () => {
        const [notice] = await notices(whose);
        return Object.entries(expected).every(([name, value]) => (notice as Record<string, unknown>)?.[name] === value);
      },
      milliseconds,
    );
  const askedToSignOut = ({ browser, idToken }: Guest) =>
    browser.open(`${server.issuer}/logout?id_token_hint=${idToken}`);
  const signOut = async (gone: Guest) => gone.browser.submit(await askedToSignOut(gone), { logout: 'yes' });
  async function byScript(browser: Browser, path: string): Promise<void> {
    const headers = { accept: 'application/json', origin: server.issuer };
    const me = await (await browser.request(`${server.issuer}/api/v1/auth/me`, { headers })).json();
    const answer = await browser.request(`${server.issuer}/api/v1${path}`, {
      method: 'DELETE',
      headers: { ...headers, 'x-csrf-token': String((me as { csrf_token: string }).csrf_token) },
    });
    expect([200, 204]).toContain(answer.status);
  }

  describe('the Logout Token (§2.4)', () => {
    it('names issuer, audience, subject, sid and event, has its own type and never a nonce, and is good for two minutes', async () => {
      const person = await guest();
      await signOut(person);
      await settled(person, 2);
      const [first, ...more] = await heard('/knowing', knowing, person.id);
      expect(more).toEqual([]);
      const claims = first?.claims ?? {};
      expect(Object.keys(claims).sort()).toEqual(['aud', 'events', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub']);
      expect(claims).toMatchObject({
        iss: server.issuer,
        aud: knowing.clientId,
        sub: person.id,
        sid: person.sid,
        events: { [LOGOUT_EVENT]: {} },
      });
      expect(Number(claims.exp) - Number(claims.iat)).toBe(120);
      expect(first?.header).toMatchObject({ alg: 'ES256', typ: 'logout+jwt' });
    });

    it('names the sid only where the client asked for it (backchannel_logout_session_required, §2.2), as the ID token does (§2.1)', async () => {
      const person = await guest([plain]);
      expect(person.sid).toBe('undefined');
      await signOut(person);
      await settled(person, 1);
      const [one] = await heard('/plain', plain, person.id);
      expect(one?.claims.sid).toBeUndefined();
      expect(one?.claims.sub).toBe(person.id);
    });

    it('names the subject as the ID token does, also where that is pairwise (OpenID Connect Core §8.1)', async () => {
      const path = newPath();
      const party = await told(path, { subject_type: 'pairwise', backchannel_logout_session_required: true });
      const person = await guest([party]);
      const { sub } = decodeJwt(person.idToken);
      expect(sub).not.toBe(person.id);
      await signOut(person);
      await settled(person, 1);
      expect(await heard(path, party, String(sub))).toHaveLength(1);
    });

    it('is signed with the algorithm that the client has chosen for ID tokens (§2.4)', async () => {
      const path = newPath();
      const party = await told(path, { id_token_signed_response_alg: 'RS256' });
      const person = await guest([party]);
      await signOut(person);
      await settled(person, 1);
      expect((await heard(path, party, person.id))[0]?.header.alg).toBe('RS256');
    });

    it('is encrypted to the client where its ID tokens are (§2.4)', async () => {
      const { publicKey, privateKey } = await generateKeyPair('ECDH-ES+A256KW');
      const path = newPath();
      const party = await told(path, {
        jwks: { keys: [{ ...(await exportJWK(publicKey)), use: 'enc', kid: 'mine' }] },
        id_token_encrypted_response_alg: 'ECDH-ES+A256KW',
      });
      const whose = await guest([knowing, party]);
      expect(await api('DELETE', `/sessions/${whose.uid}`)).toBe(204);
      await settled(whose, 2);
      const [{ token: encrypted } = { token: '' }] = receiver.at(path);
      const { plaintext, protectedHeader } = await compactDecrypt(encrypted, privateKey);
      expect(protectedHeader).toMatchObject({ alg: 'ECDH-ES+A256KW', enc: 'A128CBC-HS256', kid: 'mine', cty: 'JWT' });
      const { claims } = await believed(server, party, new TextDecoder().decode(plaintext));
      expect(claims).toMatchObject({ sub: whose.id, events: { [LOGOUT_EVENT]: {} } });
    });

    it('comes by POST as a form with nothing else in it (§2.5)', () => {
      expect(receiver.received.length).toBeGreaterThan(0);
      for (const { method, contentType, body } of receiver.received) {
        expect([method, contentType]).toEqual(['POST', 'application/x-www-form-urlencoded']);
        expect([...new URLSearchParams(body).keys()]).toEqual(['logout_token']);
      }
    });

    it('opens nothing here: it is no id_token_hint and no access token', async () => {
      const logoutToken = String(receiver.at('/knowing')[0]?.token);
      const page = await new Browser().open(`${server.issuer}/logout?id_token_hint=${logoutToken}`);
      expect(page.status).toBe(400);
      const answer = await fetch(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${logoutToken}` } });
      expect(answer.status).toBe(401);
    });
  });

  describe('whichever way a session ends, each relying party that was signed in to in it is told once (§2.5)', () => {
    type End = (gone: Guest, phone: Browser) => Promise<unknown>;
    /** The session of `gone`, ended by itself, from the phone of the same person, or by an administrator. */
    const one: Record<string, End> = {
      'the relying party asks for it (RP-Initiated Logout 1.0)': signOut,
      'its owner ends it among their devices': async ({ email, uid }, phone) => {
        const { page } = await enter(server, email, '/devices', phone);
        const forms = page.html.split('<form').slice(1);
        await phone.submit(
          page,
          {},
          forms.findIndex((form) => form.includes(`value="${uid}"`)),
        );
      },
      'its owner ends all others': async ({ email }, phone) => {
        const { page } = await enter(server, email, '/devices', phone);
        await press(phone, page, 'session-end-all');
      },
      'its owner ends it by a script of their own page': ({ uid }, phone) => byScript(phone, `/sessions/${uid}`),
      'its owner ends all others by a script of their own page': (_gone, phone) => byScript(phone, '/sessions/all'),
      'an administrator ends it': async ({ uid }) => expect(await api('delete', `/sessions/${uid}`)).toBe(204),
      'it is shown from another browser, and ends where the tenant says so': async ({ browser }) => {
        const sessions = (settings: object) =>
          server.inside(async ({ tenants }) =>
            tenants.update(await tenants.current(), { settings: { sessions: settings } } as never),
          );
        await sessions({ when_moved: 'end' });
        await browser.request(authorizationUrl(server, knowing, pkce()), { headers: { 'user-agent': chrome } });
        await sessions({});
      },
    };
    const all: Record<string, End> = {
      'an administrator ends all of them': async ({ id }) =>
        expect(await api('delete', `/users/${id}/sessions`)).toBe(204),
      'the account is disabled': async ({ id }) => expect(await api('put', `/users/${id}/suspension`)).toBe(204),
      'the account is deleted': async ({ id }) => expect(await api('delete', `/users/${id}`)).toBe(204),
      'the password is changed': ({ id }) =>
        server.inside(async ({ passwords, users }) => passwords.set(await users.find(id), 'mountains are patient')),
      'the factors are lost': ({ id }) =>
        server.inside(async ({ protocol }) => protocol.sessions.endAll(id, 'factors_removed')),
      'its owner says "this was not me"': async ({ id }) => {
        const link = await server.inside(async ({ lockdownLinks, users }) => lockdownLinks.issue(await users.find(id)));
        const anybody = new Browser();
        await anybody.submit(await anybody.open(link), {});
      },
      'its owner deletes the account': ({ id }) =>
        server.inside(async ({ accountDeletion, users }) => accountDeletion.request(await users.find(id))),
    };

    const expectTold = async (gone: Guest) => {
      const mine = (await heard('/knowing', knowing, gone.id)).filter(({ claims }) => claims.sid === gone.sid);
      expect(mine).toHaveLength(1);
    };

    it.each(Object.keys(one))('%s', async (how) => {
      const gone = await guest();
      const phone = await guest([knowing], gone);
      await one[how]?.(gone, phone.browser);
      await settled(gone, 2);
      await expectTold(gone);
      expect(await heard('/plain', plain, gone.id)).toHaveLength(1);
      // The other session of the same person goes on, and nobody is told of it.
      expect(await isSignedIn(server, knowing, phone.browser)).toBe(true);
      expect(await isSignedIn(server, knowing, gone.browser)).toBe(false);
      expect(await heard('/knowing', knowing, gone.id)).toHaveLength(1);
      expect((await notices(gone)).map(({ session_uid }) => session_uid)).toEqual([gone.uid, gone.uid]);
    });

    it.each(Object.keys(all))('%s', async (how) => {
      const gone = await guest();
      const phone = await guest([knowing], gone);
      await all[how]?.(gone, phone.browser);
      await settled(gone, 3);
      await expectTold(gone);
      await expectTold(phone);
      expect(await heard('/plain', plain, gone.id)).toHaveLength(1);
      expect(await notices(gone)).toHaveLength(3);
    });

    it('the person signs out of one application and stays signed in: only that one', async () => {
      const person = await guest();
      const page = await person.browser.open(`${server.issuer}/logout?client_id=${knowing.clientId}`);
      await person.browser.submit(page, {});
      await settled(person, 1);
      await expectTold(person);
      expect(await isSignedIn(server, plain, person.browser)).toBe(true);
      expect(await notices(person)).toHaveLength(1);
      // At the next sign-in there the session has another sid, and its end is another one.
      const again = await tokensFor(server, knowing, person.email, {}, person.browser);
      expect(decodeJwt(String(again.id_token)).sid).not.toBe(person.sid);
      await signOut({ ...person, idToken: String(again.id_token) });
      await settled(person, 3);
      expect(await heard('/knowing', knowing, person.id)).toHaveLength(2);
    });

    it('nobody, where somebody else signs in beside: the first session is set aside and goes on', async () => {
      const first = await guest();
      const other = await makePerson(server);
      const page = await first.browser.open(authorizationUrl(server, knowing, pkce(), { prompt: 'login' }));
      codeOf(await giveNameAndPassword(first.browser, page, other.email));
      expect(await notices(first)).toEqual([]);
    });

    it('once, however many end it at a time', async () => {
      const person = await guest();
      // Before it ends: a session that is ended while its page is made has no page.
      const page = await askedToSignOut(person);
      await Promise.all([
        person.browser.submit(page, { logout: 'yes' }),
        ...Array.from({ length: 5 }, () => api('delete', `/sessions/${person.uid}`)),
      ]);
      await settled(person, 2);
      expect(await notices(person)).toHaveLength(2);
      await expectTold(person);
    });

    it('nobody, where the change in which it ends is not made', async () => {
      const person = await guest();
      const broken = server.inside(({ db, protocol }) =>
        db.transaction(async () => {
          await protocol.sessions.endAll(person.id, 'revoked');
          throw new Error('not made');
        }),
      );
      await expect(broken).rejects.toThrow('not made');
      expect(await notices(person)).toEqual([]);
      expect(await isSignedIn(server, knowing, person.browser)).toBe(true);
    });

    it('and no session that was told of is raised again', async () => {
      const person = await guest();
      const copied = new Browser();
      for (const [key, cookie] of person.browser.cookies) copied.cookies.set(key, cookie);
      await signOut(person);
      await settled(person, 2);
      expect(await isSignedIn(server, knowing, copied)).toBe(false);
    });

    it('never a client of another tenant, be its client_id the same', async () => {
      const { id: tenantId } = await server.inside(({ tenants }) => tenants.create({ slug: 'other', name: 'Other' }));
      await withContext({ tenantId }, () =>
        server.services.clients.create(
          {
            redirect_uris: ['https://rp.example/cb'],
            backchannel_logout_uri: receiver.uri('/other-tenant'),
          } as never,
          { clientId: knowing.clientId },
        ),
      );
      const person = await guest();
      await signOut(person);
      await settled(person, 2);
      expect(receiver.at('/other-tenant')).toEqual([]);
      expect(await query('SELECT 1 FROM logout_notices WHERE tenant_id = $1', tenantId)).toEqual([]);
    });
  });

  describe('delivery', () => {
    /** A client of its own, so that its address can be made to fail. */
    async function at(manner: number | 'hang') {
      const path = newPath();
      const party = await told(path, { backchannel_logout_session_required: true });
      receiver.manners.set(path, manner);
      return { path, party, person: await guest([party]), works: () => receiver.manners.set(path, 200) };
    }

    it.each([204, 200])('%s says that it is done (§2.8)', async (status) => {
      const { person, path } = await at(status);
      await signOut(person);
      await settled(person, 1);
      expect(receiver.at(path)).toHaveLength(1);
      const [event] = await query<{ data: object }>(
        `SELECT data FROM audit_events WHERE name = 'logout.delivered' AND data ->> 'user_id' = $1`,
        person.id,
      );
      expect(event?.data).toMatchObject({ session_id: person.uid, attempts: 1 });
    });

    it.each([400, 503, 302, 202])(
      '%s is tried again, with a token made anew',
      async (status) => {
        const { person, path, party, works } = await at(status);
        await signOut(person);
        await becomes(person, { status: 'queued', attempts: 1, last_error: `http ${status}` });
        works();
        await settled(person, 1);
        const tokens = await heard(path, party, person.id);
        expect(tokens.length).toBeGreaterThanOrEqual(2);
        expect(new Set(tokens.map(({ claims }) => claims.jti)).size).toBe(tokens.length);
        expect(new Set(tokens.map(({ claims }) => claims.sid))).toEqual(new Set([person.sid]));
        // No redirect is followed: a Logout Token is for the address that was registered.
        expect(receiver.at('/elsewhere')).toEqual([]);
      },
      60_000,
    );

    it('a receiver that is not there is tried again until it is', async () => {
      const gone = await LogoutReceiver.start();
      const party = await makeClient(server, { consent_policy: 'implicit', backchannel_logout_uri: gone.uri() });
      const { port } = gone;
      await gone.close();
      const person = await guest([party]);
      await signOut(person);
      await becomes(person, { status: 'queued', attempts: 1, last_error: 'unreachable' });
      const back = await LogoutReceiver.start(port);
      await settled(person, 1);
      expect(back.received).toHaveLength(1);
      await back.close();
    }, 60_000);

    it('a receiver that says nothing holds up no request and nobody else, and is left alone for a moment', async () => {
      const silent = await at('hang');
      const person = await guest([silent.party, plain], silent.person);
      const before = Date.now();
      await api('delete', `/users/${person.id}/sessions`);
      await signOut(await guest([plain]));
      expect(Date.now() - before).toBeLessThan(4_500);
      await until('the other one is told', async () => (await heard('/plain', plain, person.id)).length === 1, 15_000);
      await until(
        'it was given a time',
        async () => (await notices(person)).some(({ last_error }) => last_error === 'timeout'),
        20_000,
      );
      // Two notices are for it; only the first of them has waited.
      expect(receiver.at(silent.path)).toHaveLength(1);
    }, 60_000);

    it('what leads inside is called by nobody (SSRF), whatever is registered', async () => {
      const party = await makeClient(server, {
        consent_policy: 'implicit',
        backchannel_logout_uri: 'https://169.254.169.254/latest/meta-data',
      });
      const person = await guest([party]);
      await signOut(person);
      await becomes(person, { status: 'queued', attempts: 1, last_error: 'forbidden_address' });
    });

    it('what is given up can be found, and sent again once', async () => {
      const { person, works, path } = await at(400);
      await signOut(person);
      await becomes(person, { status: 'queued', attempts: 1 });
      const [notice] = await notices(person);
      const job = { notice_id: String(notice?.id), client_id: String(notice?.client_id) };
      await server.inside(({ logoutNotices }) => logoutNotices.deliver(job, true));
      const list = await ask(server, token, 'get', '/logout-notices?status=failed');
      expect(list.body.items).toMatchObject([
        { id: job.notice_id, client_id: job.client_id, user_id: person.id, status: 'failed', last_error: 'http 400' },
      ]);
      expect((await server.inside(({ logoutNotices }) => logoutNotices.open())).failed).toBe(1);
      works();
      const retry = () => api('post', `/logout-notices/${job.notice_id}/retries`);
      expect((await Promise.all([retry(), retry(), retry()])).sort()).toEqual([202, 409, 409]);
      await settled(person, 1);
      // Nor does the job tell it again, should it run twice.
      const count = receiver.at(path).length;
      await server.inside(({ logoutNotices }) => logoutNotices.deliver(job));
      expect(receiver.at(path)).toHaveLength(count);
      expect(await retry()).toBe(409);
    }, 60_000);

    it('a client that was disabled meanwhile is told: it is given nothing, and may still have the person signed in', async () => {
      const { person, party, path, works } = await at(503);
      await signOut(person);
      await becomes(person, { attempts: 1 });
      expect(await api('put', `/clients/${party.clientId}/suspension`)).toBe(204);
      works();
      await settled(person, 1);
      expect((await heard(path, party, person.id)).length).toBeGreaterThanOrEqual(2);
    }, 60_000);

    it('a client that was deleted meanwhile has no address any more, and the notice says so', async () => {
      const { person, party, path, works } = await at(503);
      await signOut(person);
      await becomes(person, { attempts: 1 });
      expect(await api('delete', `/clients/${party.clientId}`)).toBe(204);
      const before = receiver.at(path).length;
      works();
      await becomes(person, { status: 'failed', last_error: 'no_receiver' });
      expect(receiver.at(path)).toHaveLength(before);
    }, 60_000);

    it('nothing that is stored or logged is a Logout Token: rows hold ids', async () => {
      const dump = JSON.stringify([
        await query('SELECT * FROM logout_notices'),
        await query('SELECT payload FROM graphile_worker._private_jobs'),
        await query(`SELECT data FROM audit_events WHERE name LIKE 'logout.%'`),
        server.log,
      ]);
      for (const { token: one } of receiver.received) expect(dump).not.toContain(one.split('.')[2]);
    });
  });

  describe('discovery and registration (§2.1, §2.2)', () => {
    it('says that it is supported, with sid', async () => {
      const published = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
      expect(published).toMatchObject({
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
      });
    });

    it.each([
      'http://rp.example/logout',
      'https://rp.example/logout#fragment',
      'https://me:secret@rp.example/logout',
      'ftp://rp.example/logout',
      'javascript:alert(1)',
      '/logout',
      '',
    ])('refuses backchannel_logout_uri where it is no https address of a server (§2.2): %s', async (uri) => {
      const body = { redirect_uris: ['https://rp.example/cb'], backchannel_logout_uri: uri };
      const answer = await ask(server, token, 'post', '/clients', body);
      expect(answer.status).toBe(422);
      expect(JSON.stringify(answer.body)).toContain('backchannel_logout_uri');
    });

    it('shows what was registered, and takes it away', async () => {
      const members = {
        backchannel_logout_uri: 'https://rp.example/logout?app=1',
        backchannel_logout_session_required: true,
      };
      const { body } = await ask(server, token, 'post', '/clients', {
        redirect_uris: ['https://rp.example/cb'],
        ...members,
      });
      expect(body).toMatchObject(members);
      const patch = { backchannel_logout_uri: null, backchannel_logout_session_required: null };
      const changed = await ask(server, token, 'patch', `/clients/${body.client_id}`, patch, {
        'content-type': 'application/merge-patch+json',
      });
      expect(changed.status).toBe(200);
      expect(changed.body).not.toHaveProperty('backchannel_logout_uri');
    });
  });
});
