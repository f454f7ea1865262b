// Everything that is good once, at every endpoint that takes something like it: taken by exactly one, and there exactly once.
// A purpose, a step or a page that takes a form and has no row here does not pass.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type Koa from 'koa';
import { generate } from 'otplib';
import { inventory } from '../../src/api/contract.js';
import { createApp } from '../../src/app.js';
import { endpointsOf } from '../../src/endpoints.js';
import { type LinkPurpose, type Purpose, TTL_SECONDS } from '../../src/features/one-time-tokens/one-time-purposes.js';
import type { User } from '../../src/features/users/user.entity.js';
import type { StepName } from '../../src/interaction/steps.js';
import { asDefaultTenant } from '../../src/main.js';
import { deriveKey, randomToken } from '../../src/platform/crypto.js';
import { createCsrf } from '../../src/platform/csrf.js';
import type { Services } from '../../src/services.js';
import { Authenticator } from '../support/authenticator.js';
import type { Browser, Page } from '../support/browser.js';
import { Elsewhere, trustingUs } from '../support/elsewhere.js';
import { baseOf, csrfOf, send, withoutNonces } from '../support/journey.js';
import { letterTo } from '../support/mailbox.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

class StoppedClock {
  private time = Date.now();
  now = () => new Date(this.time);
  move(seconds: number): void {
    this.time += seconds * 1000;
  }
}

const cookieKey = 'a key that signs cookies in this test only';
const csrf = createCsrf([deriveKey(cookieKey, 'csrf')]);
const another = 'another good passphrase 7';

interface Answer {
  taken: boolean;
  status: number;
  text: string;
}

/** Somebody with a password, an authenticator, recovery codes and a passkey; and a browser in which they are asked for the second. */
interface World {
  user: User;
  browser: Browser;
  /** Where it is asked already. */
  page?: Page | undefined;
  flow: string;
  secret: string;
  codes: string[];
  authenticator: Authenticator;
}

/** Where something is shown. */
type Door = (value: string, world: World) => Promise<Answer>;

/** What is good once: where it is taken, how one is made, and the audit event of which there is one. */
interface Kind {
  /** The first one is raced for; the others are forms of the same. */
  doors: string[];
  make(world: World): Promise<string>;
  event?: string;
}

describe('what is good once is taken by exactly one endpoint, once (RFC 9700 §4, OWASP ASVS 5.0 V6.6)', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let world: World;

  beforeAll(async () => {
    server = await startServer({ environment: { ...trustingUs, COOKIE_KEYS: cookieKey }, overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit' });
    await policy({ first_factors: ['password', 'passkey', 'magic_link', 'email_code'] });
  }, 60_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.move(90);
    world = await furnish();
  });

  const policy = (authentication: object) =>
    asDefaultTenant(server.services, async () => {
      const { tenants } = server.services;
      await tenants.update(await tenants.current(), { settings: { authentication } } as never);
    });
  const code = (secret: string) => generate({ secret, epoch: Math.floor(clock.now().getTime() / 1000) });
  const query = (text: string, values: unknown[] = []) => server.services.db.manager.query(text, values);

  async function furnish(): Promise<World> {
    const { id } = await makePerson(server);
    const authenticator = new Authenticator({ origin: new URL(server.issuer).origin });
    const made = await server.inside(async ({ totp, recoveryCodes, passkeyCeremonies, users }) => {
      const user = await users.find(id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await code(offer.secret));
      const options = await passkeyCeremonies.registrationOptions(user, 'flow');
      await passkeyCeremonies.register(user, 'flow', authenticator.create(options));
      return { user, secret: offer.secret, codes: await recoveryCodes.renew(user) };
    });
    clock.move(30);
    const browser = new Elsewhere();
    const page = await toSecondFactor(browser, made.user.email);
    return { ...made, authenticator, browser, page, flow: flowOf(page) };
  }

  /** Signed in by the passkey alone, a moment ago; once for each person. */
  const sessions = new Map<string, Promise<{ browser: Browser; uid: string }>>();
  function signedIn({ user, authenticator }: World): Promise<{ browser: Browser; uid: string }> {
    const begin = async () => {
      const browser = new Elsewhere();
      const page = await toName(browser);
      const [, options = ''] = /data-passkey="([^"]*)"/.exec(page.html) ?? [];
      const answer = authenticator.get(JSON.parse(options.replaceAll('&quot;', '"').replaceAll('&amp;', '&')));
      const fields = { csrf: csrfOf(page), passkey: JSON.stringify(answer) };
      await send(browser, `${baseOf(page)}/login`, fields);
      await browser.open(baseOf(page));
      const [session] = await query('SELECT uid FROM sessions WHERE account_id = $1 AND ended_at IS NULL', [user.id]);
      return { browser, uid: String(session?.uid) };
    };
    const found = sessions.get(user.id) ?? begin();
    sessions.set(user.id, found);
    return found;
  }

  const flowOf = (page: Page) => baseOf(page).split('/').at(-1) ?? '';
  const toName = (browser: Browser) => browser.open(authorizationUrl(server, party, pkce()));
  const toPassword = async (browser: Browser, username: string) => browser.submit(await toName(browser), { username });
  const toSecondFactor = async (browser: Browser, username: string) =>
    browser.submit(await toPassword(browser, username), { password });

  /** A page behind a link; the form is as good as one that was opened. */
  const page =
    (path: string, more: Record<string, string> = {}): Door =>
    async (value) => {
      const username = `first-${randomToken(6)}@example.com`;
      const response = await fetch(`${server.issuer}${path}`, {
        method: 'POST',
        redirect: 'manual',
        headers: { origin: new URL(server.issuer).origin, accept: 'text/html' },
        body: new URLSearchParams({ token: value, csrf: csrf.token(value), username, ...more }),
      });
      return answerOf(response);
    };

  async function answerOf(response: Response): Promise<Answer> {
    const [text, location] = [await response.text(), response.headers.get('location') ?? ''];
    // Who is sent to prove something first has given nothing yet.
    const taken = response.status < 400 && !location.includes('/authorize');
    return { taken, status: response.status, text };
  }

  /** A page of the account, whoever is signed in there. */
  const ofAccount =
    (path: string, more: Record<string, string> = {}): Door =>
    async (value, here) => {
      const { browser, uid } = await signedIn(here);
      const response = await browser.request(`${server.issuer}${path}`, {
        method: 'POST',
        headers: { origin: new URL(server.issuer).origin },
        body: new URLSearchParams({ token: value, csrf: csrf.token(`account:${uid}`), ...more }),
      });
      return answerOf(response);
    };

  const atName = ({ browser }: World) => toName(browser);
  const atSecond = async ({ browser, user, page: at }: World) => at ?? toSecondFactor(browser, user.email);
  const atCode = async ({ browser, user }: World) =>
    browser.submit(await toPassword(browser, user.email), { with: 'email_code' });

  /** A link from a letter, opened in the browser whose sign-in it belongs to. */
  const inSignIn =
    (path: string): Door =>
    async (value, here) => {
      const from = await toName(here.browser);
      const sent = await send(here.browser, `${baseOf(from)}/${path}`, { csrf: csrfOf(from), token: value });
      const next = await here.browser.open(baseOf(from));
      return { taken: shapeOf(next) !== shapeOf(from), status: sent.status, text: sent.html };
    };

  /** The same steps as forms of programs. */
  const program =
    (path: string, fields: (value: string) => object, at: (here: World) => Promise<Page>): Door =>
    async (value, here) => {
      const uid = flowOf(await at(here));
      const response = await here.browser.request(`${server.issuer}/api/v1/${path}`, {
        method: 'POST',
        headers: {
          origin: new URL(server.issuer).origin,
          accept: 'application/json',
          'content-type': 'application/json',
          'x-csrf-token': csrf.token(uid),
        },
        body: JSON.stringify({ interaction: uid, ...fields(value) }),
      });
      return answerOf(response);
    };

  /** A step of a sign-in: taken where the dispatcher shows another page afterwards. */
  const step =
    (name: StepName, fields: (value: string) => Record<string, string>, at: (world: World) => Promise<Page>): Door =>
    async (value, here) => {
      const from = await at(here);
      const answer = await send(here.browser, `${baseOf(from)}/${name}`, { csrf: csrfOf(from), ...fields(value) });
      const next = await here.browser.open(baseOf(from));
      return { taken: shapeOf(next) !== shapeOf(from), status: answer.status, text: answer.html };
    };
  const shapeOf = ({ html, url }: Page) =>
    [...html.matchAll(/<form[^>]*action="[^"]*\/([^/"?]+)[^"]*"/g)].map(([, action]) => action).join(' ') || url;

  const steps: Record<StepName, Record<string, Door> | string> = {
    login: {
      password: step(
        'login',
        (v) => ({ password: v }),
        ({ browser, user }) => toPassword(browser, user.email),
      ),
      username: step(
        'login',
        (v) => ({ username: v, password: v }),
        ({ browser }) => toName(browser),
      ),
      passkey: step(
        'login',
        (v) => ({ passkey: v }),
        ({ browser }) => toName(browser),
      ),
    },
    email_code: {
      code: step(
        'email_code',
        (v) => ({ code: v }),
        async ({ browser, user }) => browser.submit(await toPassword(browser, user.email), { with: 'email_code' }),
      ),
    },
    second_factor: {
      code: step('second_factor', (v) => ({ code: v }), atSecond),
      recovery_code: step('second_factor', (v) => ({ recovery_code: v }), atSecond),
      passkey: step('second_factor', (v) => ({ passkey: v }), atSecond),
    },
    enrolment: {
      offer: step('enrolment', (v) => ({ offer: v, code: v }), atSecond),
    },
    confirmation: {
      code: step('confirmation', (v) => ({ code: v }), atSecond),
    },
    change_password: 'takes what is new, and only after a proof',
    register: 'takes what is new',
    registered: 'takes nothing',
    add_passkey: 'takes a new passkey, and only after a proof: below',
    recovery_codes: 'takes nothing',
    select_account: 'takes a session of this browser',
    consent: 'takes a decision',
  };

  const doors: Record<string, Door> = {
    'POST /setup': page('/setup', { password: another }),
    'POST /password': page('/password', { password: another }),
    'POST /lockdown': page('/lockdown'),
    'POST /email-undo': page('/email-undo'),
    'POST /account-restore': page('/account-restore'),
    'POST /verify-email': page('/verify-email'),
    'POST /sign-in-link': page('/sign-in-link'),
    'POST /factor-recovery': page('/factor-recovery'),
    'POST /account/email/confirm': ofAccount('/account/email/confirm'),
    'POST /interaction/:uid/sign-in-link': inSignIn('sign-in-link'),
    'POST /interaction/:uid/verify-email': inSignIn('verify-email'),
    'POST /api/v1/auth/login': program('auth/login', (v) => ({ username: world.user.email, password: v }), atName),
    'POST /api/v1/auth/email-code/verify': program('auth/email-code/verify', (v) => ({ code: v }), atCode),
    'POST /api/v1/auth/2fa/verify': program('auth/2fa/verify', (v) => ({ code: v }), atSecond),
    'POST /api/v1/auth/verify-2fa': program('auth/verify-2fa', (v) => ({ code: v }), atSecond),
    'POST /api/v1/auth/confirmation/verify': program('auth/confirmation/verify', (v) => ({ code: v }), atSecond),
    'POST /api/v1/auth/recovery-login': program('auth/recovery-login', (v) => ({ recovery_code: v }), atSecond),
    'POST /api/v1/auth/verify-email': program('auth/verify-email', (v) => ({ token: v }), atName),
    'POST /api/v1/auth/magic-link/verify': program('auth/magic-link/verify', (v) => ({ token: v }), atName),
    'POST /api/v1/passkeys/authenticate/verify': program(
      'passkeys/authenticate/verify',
      (v) => ({ response: v.startsWith('{') ? JSON.parse(v) : { id: v } }),
      atSecond,
    ),
    ...Object.fromEntries(
      Object.entries(steps).flatMap(([name, fields]) =>
        typeof fields === 'string'
          ? []
          : Object.entries(fields).map(([field, door]) => [`POST /interaction/:uid/:step ${name} ${field}`, door]),
      ),
    ),
  };

  /** Pages that take a form and nothing that is good once. */
  const takeNone: Record<string, string> = {
    'POST /forgotten-password': 'a name',
    'POST /interaction/:uid/strength': 'advice about a password',
    'POST /setup/strength': 'advice about a password',
    'POST /password/strength': 'advice about a password',
    'POST /account/profile': 'what somebody says about themselves',
    'POST /account/devices/session-end': 'a session of theirs',
    'POST /account/devices/others-end': 'nothing',
    'POST /account/devices/forget': 'a browser of theirs',
    'POST /account/applications/revoke': 'an application',
    'POST /account/activity/not-me': 'nothing',
    'POST /account/email': 'an address',
    'POST /account/settings': 'choices',
    'POST /account/export': 'nothing',
    'POST /account/delete': 'nothing',
    'POST /account/security/password': 'passwords',
    'POST /account/security/password/strength': 'advice about a password',
    'POST /account/security/totp/setup': 'what this session was offered',
    'POST /account/security/totp/remove': 'nothing',
    'POST /account/security/recovery-codes': 'nothing',
    'POST /account/security/passkeys': 'a new passkey: below',
    'POST /account/security/passkeys/:id/name': 'a name',
    'POST /account/security/passkeys/:id/remove': 'nothing',
    'POST /verify-email/resend': 'a name',
    'POST /api/v1/auth/register': 'what is new',
    'POST /api/v1/auth/resend-verification': 'nothing',
    'POST /api/v1/auth/magic-link': 'a name',
    'POST /api/v1/auth/email-code': 'a name',
    'POST /api/v1/auth/2fa/send': 'nothing',
    'POST /api/v1/auth/confirmation/send': 'nothing',
    'POST /api/v1/auth/forgot-password': 'a name',
    'POST /api/v1/auth/2fa/enable-init': 'nothing',
    'POST /api/v1/auth/2fa/enable': 'nothing',
    'POST /api/v1/auth/2fa/verify-setup': 'what this session was offered',
    'POST /api/v1/auth/2fa/enable-complete': 'what this session was offered',
    'POST /api/v1/auth/2fa/disable': 'nothing',
    'POST /api/v1/auth/2fa/backup-codes': 'nothing',
    'POST /api/v1/passkeys/register/options': 'nothing',
    'POST /api/v1/passkeys/authenticate/options': 'nothing',
    'POST /api/v1/passkeys/register/verify': 'a new passkey: below',
  };

  /** A link of a purpose that names an address. */
  const link =
    (purpose: LinkPurpose & ('password_reset' | 'lockdown')) =>
    ({ user }: World): Promise<string> =>
      server.inside(({ oneTimeTokens }) =>
        oneTimeTokens.issue(purpose, user.id, { data: { email: user.emailNormalized } }),
      );

  const kinds: Record<Purpose | 'totp' | 'recovery_code' | 'passkey alone' | 'passkey second', Kind | string> = {
    setup: {
      doors: ['POST /setup'],
      make: async () => {
        await query(`UPDATE users SET roles = '{}'`);
        const url = await server.inside(({ setup }) => setup.issueLink(server.issuer));
        return String(new URL(url).searchParams.get('token'));
      },
      event: 'client.created',
    },
    password_reset: { doors: ['POST /password'], make: link('password_reset'), event: 'password.set' },
    lockdown: { doors: ['POST /lockdown'], make: link('lockdown'), event: 'account.locked_down' },
    totp: {
      doors: [
        'POST /interaction/:uid/:step second_factor code',
        'POST /api/v1/auth/2fa/verify',
        'POST /api/v1/auth/verify-2fa',
      ],
      make: ({ secret }) => code(secret),
    },
    recovery_code: {
      doors: ['POST /interaction/:uid/:step second_factor recovery_code', 'POST /api/v1/auth/recovery-login'],
      make: async ({ codes }) => String(codes[0]),
      event: 'recovery_codes.used',
    },
    'passkey second': {
      doors: ['POST /interaction/:uid/:step second_factor passkey', 'POST /api/v1/passkeys/authenticate/verify'],
      make: ({ authenticator, flow, user }) =>
        server.inside(async ({ passkeyCeremonies }) =>
          JSON.stringify(authenticator.get(await passkeyCeremonies.authenticationOptions(flow, user))),
        ),
    },
    'passkey alone': 'is bound to a sign-in of its own: below',
    email_code: 'is bound to a sign-in of its own: below',
    email_verification: {
      doors: ['POST /verify-email', 'POST /interaction/:uid/verify-email', 'POST /api/v1/auth/verify-email'],
      // Of somebody whose address is not proved yet.
      make: async () => {
        const email = `${randomToken(6)}@example.com`;
        return server.inside(async ({ oneTimeTokens, users }) => {
          const { id, emailNormalized } = await users.create({ email });
          return oneTimeTokens.issue('email_verification', id, { data: { email: emailNormalized } });
        });
      },
      event: 'account.proved',
    },
    magic_link: {
      doors: ['POST /sign-in-link', 'POST /interaction/:uid/sign-in-link', 'POST /api/v1/auth/magic-link/verify'],
      make: ({ user, flow }) => {
        const data = { email: user.emailNormalized };
        return server.inside(({ oneTimeTokens }) => oneTimeTokens.issue('magic_link', user.id, { flow, data }));
      },
    },
    email_change: {
      doors: ['POST /account/email/confirm'],
      make: async (here) => {
        const { user } = here;
        const { uid: flow } = await signedIn(here);
        const data = { from: user.email, to: `new-${randomToken(6)}@example.com` };
        return server.inside(({ oneTimeTokens }) => oneTimeTokens.issue('email_change', user.id, { flow, data }));
      },
      event: 'email.changed',
    },
    email_change_undo: {
      doors: ['POST /email-undo'],
      make: ({ user }) => {
        const data = { from: `former-${randomToken(6)}@example.com`, to: user.email, at: clock.now().toISOString() };
        return server.inside(({ oneTimeTokens }) => oneTimeTokens.issue('email_change_undo', `${user.id}:x`, { data }));
      },
      event: 'email_change.undone',
    },
    account_deletion_undo: {
      doors: ['POST /account-restore'],
      // Of somebody else: nobody signs in to an account that is closed.
      make: async () => {
        const other = await makePerson(server);
        return server.inside(async ({ oneTimeTokens, users }) => {
          await users.close(other, new Date(clock.now().getTime() + 86_400_000));
          const data = { email: other.emailNormalized };
          return oneTimeTokens.issue('account_deletion_undo', other.id, { data });
        });
      },
      event: 'account.deletion_withdrawn',
    },
    mfa_recovery: {
      doors: ['POST /factor-recovery'],
      // Of somebody else: theirs go with it.
      make: async () => {
        const other = await makePerson(server);
        const past = new Date(clock.now().getTime() - 1000);
        await query(
          'INSERT INTO factor_recoveries (tenant_id, user_id, requested_at, ready_at) VALUES ($1, $2, $3, $3)',
          [other.tenantId, other.id, past],
        );
        const data = { email: other.emailNormalized };
        return server.inside(({ oneTimeTokens }) => oneTimeTokens.issue('mfa_recovery', other.id, { data }));
      },
      event: 'recovery.completed',
    },
  };
  const made = Object.entries(kinds).filter((one): one is [string, Kind] => typeof one[1] !== 'string');

  describe('everything there is takes part', () => {
    it('every purpose, and every page and step that takes a form', () => {
      expect(Object.keys(kinds)).toEqual(expect.arrayContaining(Object.keys(TTL_SECONDS)));
      const managed = new Set(
        inventory(endpointsOf({} as Services)).map(({ method, path }) => `${method.toUpperCase()} /api/v1${path}`),
      );
      const mounted = createApp(server.services)
        .koa.middleware.flatMap((one) => (one as Koa.Middleware & { router?: { stack: Layer[] } }).router?.stack ?? [])
        .filter(({ methods }) => methods.includes('POST'))
        .map(({ path }) => `POST ${path}`)
        // What a bearer token opens takes nothing that is good once.
        .filter((route) => !managed.has(route));
      const known = [
        ...Object.keys(doors).map((name) => name.split(' ').slice(0, 2).join(' ')),
        ...Object.keys(takeNone),
      ];
      expect(mounted.filter((route) => !known.includes(route))).toEqual([]);
      for (const [, kind] of made) expect(Object.keys(doors)).toEqual(expect.arrayContaining(kind.doors));
    });
  });

  describe.each(made)('%s', (_name, { doors: ofKind, make, event }) => {
    const [door = ''] = ofKind;
    const own = () => doors[door] as Door;

    it('is refused everywhere else, used up by nothing, taken where it belongs, and not twice', async () => {
      const value = await make(world);
      const wrong: string[] = [];
      for (const [name, show] of Object.entries(doors).filter(([name]) => !ofKind.includes(name))) {
        // A browser of its own for each: what it is at must not matter.
        const browser = new Elsewhere();
        const at = { ...world, browser, page: undefined };
        const answer = await show(value, at);
        if (answer.taken) wrong.push(name);
      }
      expect(wrong).toEqual([]);
      const first = await own()(value, world);
      expect([first.taken, first.text.slice(0, 300)]).toEqual([true, expect.anything()]);
      const again = await furnishAgain();
      for (const name of ofKind)
        expect([name, (await (doors[name] as Door)(value, again)).taken]).toEqual([name, false]);
    });

    it('goes to one of 50 who come with it at once; the others hear the same, and one thing happens', async () => {
      const value = await make(world);
      const events = () => query('SELECT count(*)::int AS n FROM audit_events WHERE name = $1', [event]);
      const [before] = event ? await events() : [];
      const answers = await Promise.all(Array.from({ length: 50 }, () => own()(value, world)));
      for (const { status } of answers) expect(status).toBeLessThan(500);
      if (event) expect((await events())[0].n - before.n).toBe(1);
      if (door.includes(':step')) return;
      expect(answers.filter(({ taken }) => taken)).toHaveLength(1);
      const losers = answers.filter(({ taken }) => !taken);
      const said = new Set(losers.map(({ status, text }) => `${status} ${withoutNonces({ html: text } as Page)}`));
      expect([...said]).toHaveLength(1);
    });
  });

  /** The same person in another browser, as far as what they know still goes. */
  async function furnishAgain(): Promise<World> {
    const browser = new Elsewhere();
    const at = await toSecondFactor(browser, world.user.email);
    return at.html.includes('mfa-submit') ? { ...world, browser, page: at, flow: flowOf(at) } : world;
  }

  describe('bound to a sign-in', () => {
    it('a code by mail is taken in its own only, by one of 50, and no authenticator’s', async () => {
      const { browser, user } = world;
      const asked = await browser.submit(await toPassword(browser, user.email), { with: 'email_code' });
      const value = /^\d{6}$/m.exec((await letterTo(server, user.email, /^\d{6}$/m)).text)?.[0] ?? '';
      for (const [name, show] of Object.entries(doors).filter(([name]) => !/email.code/.test(name))) {
        const other = new Elsewhere();
        const at = { ...world, browser: other, page: undefined };
        expect([name, (await show(value, at)).taken]).toEqual([name, false]);
      }
      const fields = { csrf: csrfOf(asked), code: value };
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => send(browser, `${baseOf(asked)}/email_code`, fields)),
      );
      for (const { status } of answers) expect([303, 422]).toContain(status);
      const used = await query(
        `SELECT attempts FROM one_time_tokens WHERE purpose = 'email_code' AND subject LIKE $1 || ':%' AND consumed_at IS NOT NULL`,
        [user.id],
      );
      expect(used).toEqual([{ attempts: 1 }]);
      expect((await browser.open(baseOf(asked))).html).toContain('mfa-submit');
    });

    it.each(['registration', 'authentication'] as const)(
      'a challenge of a passkey (%s): one of 50',
      async (purpose) => {
        const { user, authenticator } = world;
        const results = await server.inside(async ({ passkeyCeremonies }) => {
          if (purpose === 'authentication') {
            const response = authenticator.get(await passkeyCeremonies.authenticationOptions('flow'));
            return Promise.all(Array.from({ length: 50 }, () => passkeyCeremonies.authenticate('flow', response)));
          }
          const response = authenticator.create(await passkeyCeremonies.registrationOptions(user, 'flow'));
          const all = await Promise.all(
            Array.from({ length: 50 }, () => passkeyCeremonies.register(user, 'flow', response)),
          );
          return all.map(({ outcome }) => (outcome === 'ok' ? outcome : undefined));
        });
        expect(results.filter(Boolean)).toHaveLength(1);
      },
    );

    it('nor does a challenge of one ceremony do for another: alone, second, another sign-in, another person, a new passkey', async () => {
      const { user, authenticator } = world;
      const other = await server.inside(({ users }) => users.create({ email: `${randomToken(6)}@example.com` }));
      await server.inside(async ({ passkeyCeremonies: ceremonies }) => {
        const challenge = async (...[flow, whose]: Parameters<typeof ceremonies.authenticationOptions>) =>
          (await ceremonies.authenticationOptions(flow, whose)).challenge;
        const registration = (await ceremonies.registrationOptions(user, 'flow')).challenge;
        const options = await ceremonies.authenticationOptions('flow', user);
        for (const wrong of [
          await challenge('flow'),
          await challenge('another', user),
          await challenge('flow', other),
          registration,
          randomToken(),
        ])
          expect(await ceremonies.authenticate('flow', authenticator.get({ ...options, challenge: wrong }), user)).toBe(
            undefined,
          );
        expect(await ceremonies.authenticate('flow', authenticator.get(options), user)).toBeDefined();
      });
    });

    it('one code of an authenticator lets one of ten browsers in', async () => {
      const browsers = Array.from({ length: 10 }, () => new Elsewhere());
      const pages = await Promise.all(browsers.map((browser) => toSecondFactor(browser, world.user.email)));
      const value = await code(world.secret);
      const ends = await Promise.all(
        browsers.map(async (browser, i) => browser.submit(pages[i] as Page, { code: value })),
      );
      expect(ends.filter(({ url }) => new URL(url).searchParams.has('code'))).toHaveLength(1);
    });
  });
});

interface Layer {
  methods: string[];
  path: string;
}
