// Every page, step and form of programs that takes something which is good once; a value is shown at any of them.

import type { StepName } from '../../src/interaction/steps.js';
import { randomToken } from '../../src/platform/crypto.js';
import type { Page } from './browser.js';
import { Elsewhere } from './elsewhere.js';
import { baseOf, csrfOf, send } from './journey.js';
import { csrf, flowOf, type OneTimeHouse, type World } from './one-time-house.js';
import { organizationForms, routeOf } from './organization-pages.js';

export const another = 'another good passphrase 7';

export interface Answer {
  taken: boolean;
  status: number;
  text: string;
}

/** Where something is shown. */
export type Door = (value: string, world: World) => Promise<Answer>;

/** A few doors at a time, each in a browser of its own: where that is must not matter. @returns the names of those that took the value. */
export async function takenAt(doors: readonly [string, Door][], value: string, world: World): Promise<string[]> {
  const taken: string[] = [];
  const waiting = doors.values();
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      for (const [name, show] of waiting)
        if ((await show(value, { ...world, browser: new Elsewhere(), page: undefined })).taken) taken.push(name);
    }),
  );
  return taken;
}

/** @param house opened before any of them is asked. */
export function doorsOf(house: OneTimeHouse): Record<string, Door> {
  const issuer = () => house.server.issuer;

  /** A page behind a link; the form is as good as one that was opened. */
  const page =
    (path: string, more: Record<string, string> = {}): Door =>
    async (value) => {
      const username = `first-${randomToken(6)}@example.com`;
      const response = await fetch(`${issuer()}${path}`, {
        method: 'POST',
        redirect: 'manual',
        headers: { origin: new URL(issuer()).origin, accept: 'text/html' },
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
      const { browser, uid } = await house.signedIn(here);
      const response = await browser.request(`${issuer()}${path}`, {
        method: 'POST',
        headers: { origin: new URL(issuer()).origin },
        body: new URLSearchParams({ token: value, csrf: csrf.token(`account:${uid}`), ...more }),
      });
      return answerOf(response);
    };

  const atName = ({ browser }: World) => house.toName(browser);
  const atSecond = async ({ browser, user, page: at }: World) => at ?? house.toSecondFactor(browser, user.email);
  const atCode = async ({ browser, user }: World) =>
    browser.submit(await house.toPassword(browser, user.email), { with: 'email_code' });

  /** A link from a letter, opened in the browser whose sign-in it belongs to. */
  const inSignIn =
    (path: string): Door =>
    async (value, here) => {
      const from = await house.toName(here.browser);
      const sent = await send(here.browser, `${baseOf(from)}/${path}`, { csrf: csrfOf(from), token: value });
      const next = await here.browser.open(baseOf(from));
      return { taken: shapeOf(next) !== shapeOf(from), status: sent.status, text: sent.html };
    };

  /** The same steps as forms of programs. */
  const program =
    (path: string, fields: (value: string, here: World) => object, at: (here: World) => Promise<Page>): Door =>
    async (value, here) => {
      const uid = flowOf(await at(here));
      const response = await here.browser.request(`${issuer()}/api/v1/${path}`, {
        method: 'POST',
        headers: {
          origin: new URL(issuer()).origin,
          accept: 'application/json',
          'content-type': 'application/json',
          'x-csrf-token': csrf.token(uid),
        },
        body: JSON.stringify({ interaction: uid, ...fields(value, here) }),
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
        ({ browser, user }) => house.toPassword(browser, user.email),
      ),
      username: step(
        'login',
        (v) => ({ username: v, password: v }),
        ({ browser }) => house.toName(browser),
      ),
      passkey: step(
        'login',
        (v) => ({ passkey: v }),
        ({ browser }) => house.toName(browser),
      ),
    },
    email_code: {
      code: step('email_code', (v) => ({ code: v }), atCode),
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
    link: 'takes a decision',
    add_passkey: 'takes a new passkey, and only after a proof: below',
    recovery_codes: 'takes nothing',
    select_account: 'takes a session of this browser',
    organization: 'takes a choice',
    consent: 'takes a decision',
  };

  return {
    'POST /setup': page('/setup', { password: another }),
    'POST /password': page('/password', { password: another }),
    'POST /lockdown': page('/lockdown'),
    'POST /email-undo': page('/email-undo'),
    'POST /account-restore': page('/account-restore'),
    'POST /invitation': page('/invitation', { answer: 'decline' }),
    'POST /verify-email': page('/verify-email'),
    'POST /sign-in-link': page('/sign-in-link'),
    'POST /factor-recovery': page('/factor-recovery'),
    'POST /account/email/confirm': ofAccount('/account/email/confirm'),
    'POST /interaction/:uid/sign-in-link': inSignIn('sign-in-link'),
    'POST /interaction/:uid/verify-email': inSignIn('verify-email'),
    'POST /api/v1/auth/login': program('auth/login', (v, { user }) => ({ username: user.email, password: v }), atName),
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
}

/** Pages that take a form and nothing that is good once. */
export const takeNone: Record<string, string> = {
  'POST /forgotten-password': 'a name',
  'POST /interaction/:uid/strength': 'advice about a password',
  'POST /interaction/:uid/federation/:key': 'a choice',
  'POST /saml/:connection_id/acs': 'what an identity provider has signed',
  'POST /saml/:connection_id/slo': 'what an identity provider has signed',
  'POST /saml/:connection_id/arrival': 'a handle of an answer that was not asked for: of this browser',
  'POST /federation/:connection_id/callback': 'what a provider has answered, to the request of its state',
  'POST /federation/:connection_id/backchannel-logout': 'what a provider has signed',
  'POST /setup/strength': 'advice about a password',
  'POST /password/strength': 'advice about a password',
  'POST /account/profile': 'what somebody says about themselves',
  'POST /account/identities/connect': 'a choice',
  'POST /account/identities/remove': 'an identity of theirs',
  'POST /account/devices/session-end': 'a session of theirs',
  'POST /account/devices/others-end': 'nothing',
  'POST /account/devices/forget': 'a browser of theirs',
  'POST /account/applications/revoke': 'an application',
  'POST /account/requests/approve': 'a decision about a request for them',
  'POST /account/requests/deny': 'a decision about a request for them',
  'POST /account/organizations/new': 'a name',
  ...Object.fromEntries(organizationForms.map(([form]) => [`POST ${routeOf(form)}`, 'what a role may change'])),
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
  'POST /account/invitation/sign-in': 'nothing but the cookie of this browser',
  'POST /account/invitation/letter': 'nothing but the cookie of this browser',
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
