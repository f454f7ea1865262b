import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { User } from '../../src/features/users/user.entity.js';
import type { Services } from '../../src/services.js';
import { Browser } from '../support/browser.js';
import { heldBeforePerson } from '../support/held.js';
import { isSignedIn } from '../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  redeem,
  refresh,
  tokensFor,
} from '../support/party.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';
import { totpCode } from '../support/totp.js';

const resource = 'https://trips.example/api';

type End = (services: Services, user: User) => Promise<unknown>;

/** What ends everything that rests on an account, and whether somebody takes it back afterwards: what has ended stays ended. */
const causes: Record<string, End> = {
  'the account is disabled': ({ users }, user) => users.disable(user),
  'the account is disabled, and enabled again': async ({ users }, user) => users.enable(await users.disable(user)),
  'the account is deleted': ({ users }, user) => users.delete(user),
  'its owner deletes it': ({ accountDeletion }, user) => accountDeletion.request(user),
  'its owner deletes it, and keeps it after all': async ({ accountDeletion, users }, user) => {
    await accountDeletion.request(user);
    await users.reopen(user);
  },
  'the time to keep it has passed': async ({ accountDeletion, users }, user) => {
    await users.close(user, new Date(Date.now() - 1000));
    await accountDeletion.purge();
  },
  'the password is changed': ({ passwords }, user) => passwords.set(user, 'mountains are patient'),
  'the password is taken away': ({ passwords }, user) => passwords.remove(user),
  'its owner says "this was not me"': (services, user) => lockDown(services, user),
  'its owner, who has no password, says "this was not me"': async (services, user) => {
    await services.db.manager.query('DELETE FROM password_credentials WHERE user_id = $1', [user.id]);
    await lockDown(services, user);
  },
  'its old mailbox takes a change of address back': async ({ emailChange, oneTimeTokens, users }, user) => {
    const data = { from: user.email, to: `new-${user.email}`, at: new Date().toISOString() };
    await users.update(user, { email: data.to });
    await emailChange.undo(await oneTimeTokens.issue('email_change_undo', `${user.id}:x`, { data }));
  },
};

async function lockDown({ lockdown, lockdownLinks }: Services, user: User): Promise<void> {
  await lockdown.redeem(String(new URL(await lockdownLinks.issue(user)).searchParams.get('token')));
}

describe('what rests on an account ends with it, or with its password, at the next use (OWASP ASVS 5.0 V7.4, RFC 9700 §4.14)', () => {
  let server: TestServer;
  let party: Party;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    await server.inside(({ resources }) =>
      resources.create({ identifier: resource, name: 'Trips', access_token_format: 'jwt' }),
    );
  }, 180_000);
  afterAll(() => server?.close());

  const isActive = async (token: unknown) =>
    (await introspect(server, party, String(token))).body.active as unknown as boolean;
  const userinfo = async (token: unknown) =>
    (await fetch(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status === 200;

  /** Name → whether it is good now. */
  async function artefactsOf(person: { id: string; email: string }): Promise<Record<string, () => Promise<boolean>>> {
    const browser = new Browser();
    const { access_token, refresh_token } = await tokensFor(server, party, person.email, {}, browser);
    const jwt = await tokensFor(server, party, person.email, { resource });
    const codes = await Promise.all(
      [1, 2].map(async () => {
        const proof = pkce();
        const page = await browser.open(authorizationUrl(server, party, proof, { prompt: 'none' }));
        return { proof, code: codeOf(page) };
      }),
    );
    const handle = await server.inside(async ({ devices, users }) =>
      devices.trust(await users.find(person.id), [], 30),
    );
    let current = String(refresh_token);
    return {
      'session cookie at the authorization endpoint': () => isSignedIn(server, party, browser),
      'session cookie at the account': async () =>
        (await browser.open(`${server.issuer}/account`)).html.includes(person.email),
      'opaque access token at introspection': () => isActive(access_token),
      'opaque access token at userinfo': () => userinfo(access_token),
      'JWT access token at introspection': () => isActive(jwt.access_token),
      'authorization code': async () => {
        const next = codes.shift();
        return next !== undefined && (await redeem(server, party, next.code, next.proof)).status === 200;
      },
      'refresh token': async () => {
        const { status, body } = await refresh(server, party, current);
        current = body.refresh_token ?? current;
        return status === 200;
      },
      'remembered browser': () => server.inside(({ devices }) => devices.isTrusted(person.id, [handle])),
    };
  }

  const look = async (artefacts: Record<string, () => Promise<boolean>>) => {
    const seen: Record<string, boolean> = {};
    for (const [name, isGood] of Object.entries(artefacts)) seen[name] = await isGood();
    return seen;
  };

  it.each(Object.keys(causes))('%s', async (cause) => {
    const person = await makePerson(server);
    const other = await makePerson(server);
    const [theirs, others] = [await artefactsOf(person), await artefactsOf(other)];
    const all = (good: boolean) => Object.fromEntries(Object.keys(theirs).map((name) => [name, good]));
    expect(await look(theirs)).toEqual(all(true));
    await server.inside(async (services) => causes[cause]?.(services, await services.users.find(person.id)));
    expect(await look(theirs)).toEqual(all(false));
    // Nobody else's.
    expect(await look(others)).toEqual(all(true));
  });
});

/** What is made ready, and the verb: its first lock is looked at. */
const verbs: Record<string, (services: Services, user: User) => Promise<() => Promise<unknown>>> = {
  'the owner says "this was not me"': async ({ lockdown, lockdownLinks }, user) => {
    const token = tokenOf(await lockdownLinks.issue(user));
    return () => lockdown.redeem(token);
  },
  'the old mailbox takes a change of address back': async ({ emailChange, oneTimeTokens, users }, user) => {
    const data = { from: user.email, to: `new-${user.email}`, at: new Date().toISOString() };
    await users.update(user, { email: data.to });
    const token = await oneTimeTokens.issue('email_change_undo', `${user.id}:x`, { data });
    return () => emailChange.undo(token);
  },
  'another address is confirmed': async ({ emailChange, oneTimeTokens }, user) => {
    const data = { from: user.email, to: `new-${user.email}` };
    const token = await oneTimeTokens.issue('email_change', user.id, { flow: 'session', data });
    return () => emailChange.confirm(token, user, 'session');
  },
  'a deletion is taken back': async ({ accountDeletion, oneTimeTokens, users }, user) => {
    await users.close(user, new Date(Date.now() + 86_400_000));
    const token = await oneTimeTokens.issue('account_deletion_undo', user.id, {
      data: { email: user.emailNormalized },
    });
    return () => accountDeletion.restore(token);
  },
  'an address is proved': async ({ emailVerification, oneTimeTokens, users }, user) => {
    await users.update(user, { email_verified: false });
    const token = await oneTimeTokens.issue('email_verification', user.id, { data: { email: user.emailNormalized } });
    return () => emailVerification.confirm(token);
  },
  'a link from the mailbox signs in': async ({ magicLinks, oneTimeTokens, users }, user) => {
    await users.update(user, { email_verified: false });
    const data = { email: user.emailNormalized };
    const token = await oneTimeTokens.issue('magic_link', user.id, { flow: 'flow', data });
    return () => magicLinks.open(token, 'flow');
  },
  'a link sets another password': async ({ passwordLinks }, user) => {
    const token = tokenOf(await passwordLinks.issue(user));
    return () => passwordLinks.redeem(token, 'mountains are patient');
  },
  'lost factors are taken away': async ({ db, factorRecoveries, oneTimeTokens }, user) => {
    await db.manager.query(
      `INSERT INTO factor_recoveries (tenant_id, user_id, requested_at, ready_at) VALUES ($1, $2, now(), now() - interval '1 hour')`,
      [user.tenantId, user.id],
    );
    const token = await oneTimeTokens.issue('mfa_recovery', user.id, { data: { email: user.emailNormalized } });
    return () => factorRecoveries.redeem(token);
  },
  'they were not lost': async ({ db, factorRecoveries }, user) => {
    await db.manager.query(
      `INSERT INTO factor_recoveries (tenant_id, user_id, requested_at, ready_at) VALUES ($1, $2, now(), now())`,
      [user.tenantId, user.id],
    );
    return () => factorRecoveries.signedIn(user, [{ method: 'totp', at: 0 }]);
  },
  'the owner chooses another password':
    async ({ ownPassword }, user) =>
    () =>
      ownPassword.change(user, { current: password, password: 'mountains are patient', keptSession: undefined }),
  'an administrator sets another password':
    async ({ passwords }, user) =>
    () =>
      passwords.set(user, 'mountains are patient'),
  'the password goes':
    async ({ passwords }, user) =>
    () =>
      passwords.remove(user),
  'an administrator takes the factors away':
    async ({ accountLocks }, user) =>
    () =>
      accountLocks.removeSecondFactors(user),
  'the owner takes the authenticator away':
    async ({ ownFactors }, user) =>
    () =>
      ownFactors.removeTotp(user),
  'all sessions end':
    async ({ protocol }, user) =>
    () =>
      protocol.sessions.endAll(user.id, 'revoked'),
  'an application is allowed nothing any more': async ({ ownGrants, db }, user) => {
    const [grant] = await db.manager.query('SELECT client_id FROM grants WHERE account_id = $1', [user.id]);
    return () => ownGrants.revoke(user.id, grant.client_id);
  },
  'the owner deletes the account':
    async ({ accountDeletion }, user) =>
    () =>
      accountDeletion.request(user),
  'the account is disabled':
    async ({ users }, user) =>
    () =>
      users.disable(user),
  'the account goes':
    async ({ users }, user) =>
    () =>
      users.delete(user),
};

const tokenOf = (link: string): string => String(new URL(link).searchParams.get('token'));

// The embedded database has one session: nobody waits there.
if (defaultKind === 'postgres')
  describe('whatever ends something of an account holds its row first, so that of two at once neither is aborted', () => {
    let server: TestServer;
    let party: Party;

    beforeAll(async () => {
      server = await startServer();
      party = await makeClient(server, { consent_policy: 'implicit' });
    }, 180_000);
    afterAll(() => server?.close());

    it.each(Object.keys(verbs))('%s', async (name) => {
      const { id, email } = await makePerson(server);
      await tokensFor(server, party, email);
      const verb = await server.inside(async (services) => {
        const user = await services.users.find(id);
        const offer = services.totp.offer(user, 'Acme', 'flow');
        await services.totp.confirm(user, offer, await totpCode(offer.secret, new Date()));
        await services.recoveryCodes.renew(user);
        await services.devices.trust(user, [], 30);
        return verbs[name]?.(services, user);
      });
      expect(await heldBeforePerson(server, () => server.inside(async () => verb?.()))).toEqual([]);
    });
  });
