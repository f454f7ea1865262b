import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import type { CreateExchangePolicy } from '../../src/features/exchange/exchange-policy.schema.js';
import { enter, wordsOf } from '../support/account.js';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { makeApiKey } from '../support/api-keys.js';
import { everyTable, search } from '../support/dump.js';
import { ACCESS_TOKEN, exchange, TOKEN_EXCHANGE } from '../support/exchanging.js';
import {
  allow,
  begin,
  type Help,
  help,
  hotels,
  makeHelp,
  makeHelper,
  reason,
  trips,
} from '../support/impersonating.js';
import { letterTo } from '../support/mailbox.js';
import { introspect, makeClient, makePerson, type Party, post, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { api, ownForms } from '../support/ways-api.js';

const said = ({ status, body }: Answer) => [status, body.code];

describe('an administrator acts for a person (RFC 8693 §1.1)', () => {
  let server: TestServer;
  let by: Help;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer();
    by = await makeHelp(server);
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    await allow(server);
    person = await makePerson(server);
  });

  const told = async (token: string) => (await introspect(server, by.app, token)).body as Record<string, unknown>;
  const list = async (id = person.id) =>
    (await ask(server, by.token, 'get', `/users/${id}/impersonations`)).body.items as Record<string, unknown>[];
  const events = (name: string, userId = person.id) =>
    server.inside(
      ({ db }) =>
        db.manager.query(
          `SELECT data, actor_type, actor_id FROM audit_events WHERE name = $1 AND data ->> 'user_id' = $2`,
          [name, userId],
        ) as Promise<{ data: Record<string, unknown>; actor_type: string; actor_id: string }[]>,
    );

  const exchangesTripsForHotels = ({ clientId }: Party, how: Partial<CreateExchangePolicy>) =>
    server.inside(({ exchangePolicies }) =>
      exchangePolicies.create({
        client_id: clientId,
        subject_clients: [by.app.clientId],
        subject_audiences: [trips],
        resources: [hotels],
        ...how,
      }),
    );

  /** How many were queued, whoever they are for. */
  const letters = async () => {
    const [row] = await server.inside(
      ({ db }) =>
        db.manager.query(`SELECT count(*)::int AS count FROM mail_messages WHERE template = 'impersonated'`) as Promise<
          { count: number }[]
        >,
    );
    return row?.count;
  };

  describe('what is given', () => {
    it('is one access token in the shape of RFC 8693 §2.2.1, short, and nothing beside it', async () => {
      const { status, body, headers } = await begin(server, by, person.id, { ttl: 120 });
      expect(status).toBe(201);
      expect(body).toEqual({
        id: expect.any(String),
        access_token: expect.any(String),
        issued_token_type: ACCESS_TOKEN,
        token_type: 'Bearer',
        expires_in: 120,
        scope: 'read',
      });
      expect(headers.get('cache-control')).toContain('no-store');
      expect(headers.getSetCookie()).toEqual([]);
    });

    it('says for whom it is and who acts, at introspection (RFC 7662) and in a JWT (RFC 9068), and not how the person signed in', async () => {
      const opaque = await help(server, by, person.id);
      const jwt = await help(server, by, person.id, { resource: hotels, scope: 'read write' });
      const claims = { ...decodeJwt(jwt.token) };
      for (const [one, aud] of [
        [await told(opaque.token), trips],
        [await told(jwt.token), hotels],
        [claims, hotels],
      ] as const) {
        expect(one).toMatchObject({
          sub: person.id,
          act: { sub: by.administrator.id },
          aud,
          client_id: by.app.clientId,
        });
        for (const member of ['acr', 'amr', 'auth_time', 'sid', 'suid']) expect(one).not.toHaveProperty(member);
      }
      expect(claims).toMatchObject({ gid: jwt.id, scope: 'read write' });
    });

    it('names both as a client with pairwise subjects knows them (OpenID Connect Core §8.1)', async () => {
      const pair = await makeClient(server, { subject_type: 'pairwise' });
      const { token } = await help(server, by, person.id, { client_id: pair.clientId });
      const { body } = await introspect(server, pair, token);
      const { sub, act } = body as unknown as { sub: string; act: { sub: string } };
      expect([sub, act.sub]).not.toContain(person.id);
      expect([sub, act.sub]).not.toContain(by.administrator.id);
      expect(sub).not.toBe(act.sub);
    });

    it('lives no longer than a quarter of an hour, nor than the resource has its tokens live, nor than what whoever acts was given', async () => {
      expect(said(await begin(server, by, person.id, { ttl: 901 }))).toEqual([422, 'invalid_request']);
      expect((await help(server, by, person.id, { ttl: 900 })).body.expires_in).toBe(900);
      const short = 'https://short.example/api';
      await server.inside(({ resources }) =>
        resources.create({ identifier: short, name: 'Short', scopes: [{ name: 'read' }], access_token_ttl: 90 }),
      );
      expect((await help(server, by, person.id, { resource: short })).body.expires_in).toBe(90);
      const helper = await makeHelper(server, ['ADMIN']);
      await server.inside(({ db }) =>
        db.manager.query(`UPDATE grants SET expires_at = now() + interval '70 seconds' WHERE account_id = $1`, [
          helper.person.id,
        ]),
      );
      const { body } = await help(server, { ...by, token: helper.token }, person.id);
      expect(body.expires_in).toBeLessThanOrEqual(70);
    });

    it('is no consent of the person: no application of theirs, no grant in the list, nothing that is remembered', async () => {
      await help(server, by, person.id);
      const { page } = await enter(server, person.email, '/applications');
      expect(wordsOf(page)).not.toContain('Trips');
      const reader = await tokenWith(server, 'grants:read');
      const grants = await ask(server, reader, 'get', `/grants?user_id=${person.id}`);
      expect(grants.body.items).toEqual([]);
    });
  });

  describe('what is refused', () => {
    it('everything, until the settings of the tenant allow it', async () => {
      await allow(server, { mode: 'off' });
      expect(said(await begin(server, by, person.id))).toEqual([403, 'impersonation_off']);
      const settings = await server.inside(({ tenants }) => tenants.create({ slug: 'fresh', name: 'Fresh' }));
      expect(settings.settings.impersonation).toEqual({ mode: 'off', letter: true });
    });

    it.each<[string, object, string]>([
      ['no reason', { reason: undefined }, '/reason'],
      ['hardly a reason', { reason: 'because' }, '/reason'],
      ['a reason that hides something', { reason: 'Ticket 4711 \u202e hidden' }, '/reason'],
      ['a reason as long as a letter', { reason: 'x'.repeat(501) }, '/reason'],
      ['no resource', { resource: undefined }, '/resource'],
      ['what is no resource', { resource: 'https://nowhere.example' }, '/resource'],
      ['no scope', { scope: '' }, '/scope'],
      ['more than the resource has', { scope: 'read admin' }, '/scope'],
      ['a client that is not there', { client_id: 'nobody' }, '/client_id'],
      ['a member that nobody listed', { refresh_token: true }, ''],
    ])('%s', async (_name, more, pointer) => {
      const { status, body } = await begin(server, by, person.id, more);
      expect(status).toBe(422);
      expect((body.errors as { pointer: string }[]).map((one) => one.pointer).join()).toContain(pointer);
      expect(await list()).toEqual([]);
    });

    it('the management API as the resource, whatever whoever asks holds there', async () => {
      const api = { resource: `${server.issuer}/api`, scope: 'users:read' };
      expect((await begin(server, by, person.id, api)).status).toBe(422);
    });

    it('a client in whose name nobody acts: disabled, not for this resource, bound to a key, or of nobody here', async () => {
      const other = await makeClient(server, { scope: 'openid write' });
      const bound = await makeClient(server, { dpop_bound_access_tokens: true });
      const off = await makeClient(server);
      await server.inside(async ({ clients }) => clients.disable(await clients.find(off.clientId)));
      for (const { clientId } of [other, bound, off])
        expect((await begin(server, by, person.id, { client_id: clientId })).status).toBe(422);
      expect((await begin(server, by, person.id, { client_id: 'ostiary-account' })).status).toBe(422);
      // Its own is registered for the management API, and for nothing of this resource.
      expect((await begin(server, by, person.id, { client_id: undefined })).status).toBe(422);
    });

    it('whoever does not hold the permission, and nobody gives it away who has it not', async () => {
      const weak = await makeHelper(server, ['SUPPORT'], 'users:impersonate users:read');
      expect(said(await begin(server, { ...by, token: weak.token }, person.id))).toEqual([403, 'insufficient_scope']);
      const role = { key: 'HELPER', name: 'Helper', permissions: ['users:impersonate'] };
      const chief = await tokenWith(server, 'roles:write');
      expect(said(await ask(server, chief, 'post', '/roles', role))).toEqual([403, 'scope_not_held']);
    });

    it('a program, and a key of a person: nobody is there who answers for it', async () => {
      const machine = await tokenWith(server, 'users:impersonate');
      const chief = await makeHelper(server, ['ADMIN'], 'users:impersonate api_keys:write');
      const given = { kind: 'user', scopes: ['users:impersonate'] };
      const { value } = await makeApiKey(server, chief.token, given);
      for (const token of [machine, value])
        expect(said(await begin(server, { ...by, token }, person.id))).toEqual([403, 'person_required']);
    });

    it('oneself; somebody who may not come in; somebody who is not there', async () => {
      expect(said(await begin(server, by, by.administrator.id))).toEqual([403, 'own_account']);
      await server.inside(async ({ users }) => users.disable(await users.find(person.id)));
      expect(said(await begin(server, by, person.id))).toEqual([409, 'user_not_active']);
      const nobody = '00000000-0000-7000-8000-000000000000';
      expect((await begin(server, by, nobody)).status).toBe(404);
    });

    it('somebody who acts for somebody else now', async () => {
      const helper = await makeHelper(server, ['ADMIN']);
      const { id } = await help(server, { ...by, token: helper.token }, person.id);
      const strong = { ...by, token: (await makeHelper(server, ['ADMIN'], await everything())).token };
      expect(said(await begin(server, strong, helper.person.id))).toEqual([409, 'user_impersonates']);
      await ask(server, helper.token, 'delete', `/users/${person.id}/impersonations/${id}`);
      expect((await begin(server, strong, helper.person.id)).status).toBe(201);
    });

    const everything = async () => (await server.inside(({ roles }) => roles.everything())).join(' ');

    it('somebody who may do more, here or at a resource, by roles or by what the token was given (OWASP ASVS 5.0 V8.2)', async () => {
      await server.inside(async ({ roles }) => {
        await roles.create({ key: 'HELP', name: 'Help', permissions: ['users:impersonate', 'users:read'] });
        await roles.create({ key: 'KEYS', name: 'Keys', permissions: ['keys:write'] });
        const at = [{ resource: trips, permissions: ['write'] }];
        await roles.create({ key: 'WRITES', name: 'Writes', resource_permissions: at });
      });
      const helper = await makeHelper(server, ['HELP']);
      const weaker = { ...by, token: helper.token };
      const roles = async (...keys: string[]) =>
        server.inside(async ({ users }) => users.setRoles(await users.find(person.id), keys));
      for (const above of ['ADMIN', 'SUPPORT', 'KEYS', 'WRITES']) {
        await roles(above);
        expect([above, ...said(await begin(server, weaker, person.id))]).toEqual([above, 403, 'scope_not_held']);
      }
      await roles('HELP', 'USER');
      expect((await begin(server, weaker, person.id)).status).toBe(201);
      // The administrator holds all, but the token was given little of it.
      await roles('KEYS');
      expect(said(await begin(server, by, person.id))).toEqual([403, 'scope_not_held']);
    });
  });

  describe('what it does not open (no chains, no climbing)', () => {
    it('no door of ours: not the management API, another impersonation among it, not UserInfo, not the account', async () => {
      const other = await makePerson(server);
      for (const resource of [trips, hotels]) {
        const { token } = await help(server, by, person.id, { resource });
        expect(said(await begin(server, { ...by, token }, other.id))).toEqual([401, 'invalid_token']);
        // The management API, and one's own account as JSON: all of both.
        for (const { method, path } of [...api, ...ownForms.map(([method, path]) => ({ method, path }))]) {
          const { status } = await ask(server, token, method, path.replace(/:\w+/g, person.id));
          expect([method, path, [401, 404, 405].includes(status)]).toEqual([method, path, true]);
        }
        const authorization = `Bearer ${token}`;
        const userinfo = await fetch(`${server.issuer}/userinfo`, { headers: { authorization } });
        expect([401, 403]).toContain(userinfo.status);
        for (const page of ['', '/profile', '/security', '/email', '/devices', '/delete', '/export', '/identities']) {
          const options = { headers: { authorization }, redirect: 'manual' as const };
          const answer = await fetch(`${server.issuer}/account${page}`, options);
          expect([page, answer.status]).toEqual([page, 303]);
          const posted = await fetch(`${server.issuer}/account${page}`, { ...options, method: 'POST' });
          expect([page, posted.status < 400 || posted.status >= 500]).toEqual([page, posted.status === 303]);
        }
      }
      expect((await ask(server, by.token, 'get', `/users/${person.id}`)).body.email).toBe(person.email);
    });

    it('exchanged for another resource it still says who acts, and ends with it (RFC 8693 §4.1)', async () => {
      const service = await makeClient(server, {
        grant_types: [TOKEN_EXCHANGE],
        response_types: [],
        redirect_uris: [],
      });
      await exchangesTripsForHotels(service, { acting: 'impersonation' });
      const { id, token } = await help(server, by, person.id);
      const { status, body } = await exchange(server, service, token, { resource: hotels });
      expect(status).toBe(200);
      expect(decodeJwt(String(body.access_token))).toMatchObject({ sub: person.id, act: { sub: by.administrator.id } });
      expect((await told(String(body.access_token))).active).toBe(true);
      expect((await events('token.exchanged')).map(({ data }) => data.actor)).toEqual([by.administrator.id]);
      await ask(server, by.token, 'delete', `/users/${person.id}/impersonations/${id}`);
      expect((await told(String(body.access_token))).active).toBe(false);
      expect((await exchange(server, service, token, { resource: hotels })).status).toBe(400);
    });

    it('it names nobody as acting for a third: as an actor token it would hide who does (RFC 8693 §2.1, §4.1)', async () => {
      const service = await makeClient(server, {
        grant_types: ['authorization_code', TOKEN_EXCHANGE],
        consent_policy: 'implicit',
      });
      await exchangesTripsForHotels(service, { actors: ['person'] });
      const third = await makePerson(server);
      const asked = { resource: trips, scope: 'openid read' };
      const subject = (await tokensFor(server, by.app, third.email, asked)).access_token;
      const acting = (actor_token: string) =>
        exchange(server, service, subject, { resource: hotels, actor_token, actor_token_type: ACCESS_TOKEN });
      for (const resource of [trips, hotels]) {
        const { token } = await help(server, by, person.id, { resource, client_id: service.clientId });
        const { status, body } = await acting(token);
        expect([status, body.error]).toEqual([400, 'invalid_request']);
      }
      expect(await events('token.exchanged', third.id)).toEqual([]);
      // The person themselves may.
      const own = String((await tokensFor(server, service, person.email, asked)).access_token);
      const { body } = await acting(own);
      expect(decodeJwt(String(body.access_token))).toMatchObject({ sub: third.id, act: { sub: person.id } });
    });

    it('it is no refresh token, no code, and makes none', async () => {
      const { token } = await help(server, by, person.id);
      const form = { grant_type: 'refresh_token', refresh_token: token };
      expect((await post(server, '/token', by.app, form)).body.error).toBe('invalid_grant');
      const rows = (await server.inside(({ db }) =>
        db.manager.query(`SELECT DISTINCT kind FROM engine_rows WHERE account_id = $1`, [person.id]),
      )) as { kind: string }[];
      expect(rows).toEqual([{ kind: 'AccessToken' }]);
    });
  });

  describe('nobody acts in secret', () => {
    it('the person reads it in their account and in a letter, with the reason', async () => {
      await help(server, by, person.id, { reason: 'Ticket <b>4711</b>: lost bookings' });
      const { page } = await enter(server, person.email, '/activity');
      expect(page.html).toContain('to help: <bdi>Ticket &lt;b&gt;4711&lt;/b&gt;: lost bookings</bdi>');
      expect(page.html).not.toContain('<b>4711');
      const letter = await letterTo(server, person.email, /acts for you/);
      expect(letter.text).toContain('Ticket <b>4711</b>: lost bookings');
      expect(letter.text).toContain(`${server.issuer}/account/activity`);
    });

    it('the letter is left out where the tenant says so, and nothing else', async () => {
      await allow(server, { mode: 'allowed', letter: false });
      const before = await letters();
      await help(server, by, person.id);
      expect(await letters()).toBe(before);
      expect(wordsOf((await enter(server, person.email, '/activity')).page)).toContain(reason);
    });

    it('administrators see who, why, when, until when, and with what it ended, page by page', async () => {
      const first = await help(server, by, person.id);
      const second = await help(server, by, person.id, { resource: hotels, ttl: 60 });
      await ask(server, by.token, 'delete', `/users/${person.id}/impersonations/${first.id}`);
      const [newer, older] = await list();
      const shared = { user_id: person.id, impersonator_id: by.administrator.id, client_id: by.app.clientId, reason };
      expect(newer).toMatchObject({ ...shared, id: second.id, resource: hotels, ended_at: null, end_reason: null });
      expect(older).toMatchObject({ ...shared, id: first.id, resource: trips, scope: 'read', end_reason: 'revoked' });
      const { started_at, expires_at } = newer as Record<string, string>;
      expect(Date.parse(String(expires_at)) - Date.parse(String(started_at))).toBeLessThanOrEqual(60_000);
      const page = await ask(server, by.token, 'get', `/users/${person.id}/impersonations?limit=1`);
      expect(page.body.items).toEqual([newer]);
      const path = `/users/${person.id}/impersonations?limit=1&cursor=${page.body.next_cursor}`;
      expect((await ask(server, by.token, 'get', path)).body.items).toEqual([older]);
    });

    it('the record names the administrator as who acts, when it begins and when it ends', async () => {
      const { id } = await help(server, by, person.id);
      await ask(server, by.token, 'delete', `/users/${person.id}/impersonations/${id}`);
      const actor = { actor_type: 'user', actor_id: by.administrator.id };
      expect(await events('impersonation.started')).toEqual([
        {
          ...actor,
          data: {
            impersonation_id: id,
            user_id: person.id,
            client_id: by.app.clientId,
            resource: trips,
            scope: 'read',
            reason,
            until: expect.any(String),
          },
        },
      ]);
      const data = { impersonation_id: id, user_id: person.id, reason: 'revoked' };
      expect(await events('impersonation.ended')).toEqual([{ ...actor, data }]);
      // Nobody has allowed anything, so nothing of the kind is recorded.
      expect(await events('grant.given')).toEqual([]);
      expect(await events('grant.revoked')).toEqual([]);
    });

    it('what is refused leaves no trace of a beginning: no event, no letter, no grant', async () => {
      await server.inside(async ({ users }) => users.setRoles(await users.find(person.id), ['ADMIN']));
      const weaker = await makeHelper(server, ['ADMIN'], 'users:impersonate');
      const before = await letters();
      expect((await begin(server, { ...by, token: weaker.token }, person.id)).status).toBe(403);
      expect(await events('impersonation.started')).toEqual([]);
      expect(await letters()).toBe(before);
    });
  });

  it('its token stands nowhere, in no spelling, and the reason in no line of the log; asked twice with one Idempotency-Key it is one', async () => {
    const words = 'Ticket 4712: unmistakable words';
    const secrets = new Map<string, string>();
    for (const resource of [trips, hotels]) {
      const body = { reason: words, resource, scope: 'read', client_id: by.app.clientId };
      const key = { 'idempotency-key': randomUUID() };
      const path = `/users/${person.id}/impersonations`;
      const [one, same] = [
        await ask(server, by.token, 'post', path, body, key),
        await ask(server, by.token, 'post', path, body, key),
      ];
      expect(one.status).toBe(201);
      expect(same.body).toEqual(one.body);
      secrets.set(String(one.body.access_token), resource);
    }
    expect(await list()).toHaveLength(2);
    expect(search(secrets, await everyTable(server))).toEqual([]);
    const log = server.log.map((text, line) => ({ where: `log ${line}`, text }));
    expect(search(new Map([...secrets, [words, 'reason']]), log)).toEqual([]);
  });

  it('it is ended once, and only under the person that it is of', async () => {
    const { id, token } = await help(server, by, person.id);
    const other = await makePerson(server);
    const path = (userId: string) => `/users/${userId}/impersonations/${id}`;
    expect((await ask(server, by.token, 'delete', path(other.id))).status).toBe(404);
    expect((await told(token)).active).toBe(true);
    expect((await ask(server, by.token, 'delete', path(person.id))).status).toBe(204);
    expect((await told(token)).active).toBe(false);
    expect((await ask(server, by.token, 'delete', path(person.id))).status).toBe(404);
  });
});
