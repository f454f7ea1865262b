// Everything that a tenant gives out, each with something of the same shape that nobody has given out, and a way to see that it still works
// at home.
import { randomBytes, randomUUID } from 'node:crypto';
import { makeKey } from '../../src/features/api-keys/api-key.format.js';
import { newTraceId } from '../../src/features/traces/traces.js';
import { ask } from './api.js';
import { Browser } from './browser.js';
import { answer } from './invitations.js';
import { authorizationUrl, codeOf, introspect, pkce, post, redeem } from './party.js';
import { assertionForm, bearer, show, withNonce } from './shown.js';
import { assertionFor, cookiesIn, type House } from './tenancy.js';

/** Something one tenant has given out. */
export interface Artefact {
  value: string;
  /** Of the same shape, and made by nobody. */
  forged: string;
  uid?: string;
  /** It still does at its own tenant what it is for. */
  works(): Promise<boolean>;
}

type Artefacts = Record<string, Artefact>;

const cursorOf = (cursor: string) => (JSON.parse(Buffer.from(cursor, 'base64url').toString()) as { k: string }).k;
const like = (value: string) => randomBytes(64).toString('base64url').slice(0, value.length);

/** Fresh ones, since several live for a minute only. */
export async function artefactsOf(a: House, b: House): Promise<Artefacts> {
  const { server, party, tokens, ids } = a;
  const isActive = async (token: unknown, at = a) =>
    (await introspect(at.server, at.party, String(token))).body.active as unknown as boolean;
  const reads = async (path: string) => (await ask(server, a.apiToken, 'get', path)).status === 200;
  const opens = async (path: string, words: RegExp) =>
    words.test((await new Browser().open(server.issuer + path)).html);

  const proof = pkce();
  const code = codeOf(await a.browser.open(authorizationUrl(server, party, proof, { prompt: 'none' })));
  const parameters = Object.fromEntries(new URL(authorizationUrl(server, party, pkce())).searchParams);
  const pushed = String((await post(server, '/par', party, parameters)).body.request_uri);
  const assertion = await assertionFor(a);
  const invited = new Browser();
  await answer(invited, `${server.issuer}/invitation?token=${a.invitationToken}`, 'accept');
  const waiting = new Browser();
  const page = await waiting.open(authorizationUrl(server, party, pkce()));
  const uid = /interaction\/([\w-]+)/.exec(page.url)?.[1] ?? '';
  const linkPage = (await new Browser().open(`${server.issuer}/password?token=${a.passwordToken}`)).html;
  const csrf = /name="csrf" value="([^"]+)"/.exec(linkPage)?.[1] ?? '';
  const own = (await a.browser.open(`${server.issuer}/account/profile`)).html;
  const ownCsrf = /name="csrf" value="([^"]+)"/.exec(own)?.[1] ?? '';
  const asked = await new Browser().request(`${server.issuer}/account/profile`);
  const state = new URL(asked.headers.get('location') ?? '').searchParams.get('state') ?? '';
  const requestId = await requestTo(a);
  const nonce = await nonceOf(a);
  const key = randomUUID();
  const made = await repeated(a, key);
  const first = (await ask(server, a.apiToken, 'get', '/clients?limit=1')).body.next_cursor;

  const token = (value: unknown, works = () => isActive(value)): Artefact => ({
    value: String(value),
    forged: like(String(value)),
    works,
  });
  const planted = (kind: keyof House['planted']): Artefact =>
    token(a.planted[kind], async () => {
      const { ProtocolRequest } = await import('../../src/features/protocol/request.js');
      const find = () =>
        server.inside(({ protocol }) => protocol.rows.find(new ProtocolRequest(), kind, a.planted[kind]));
      const there = () =>
        b.server.inside(({ protocol }) => protocol.rows.find(new ProtocolRequest(), kind, a.planted[kind]));
      return (await find()) !== undefined && (await there()) === undefined;
    });
  const jwt = (value: string, works: () => Promise<boolean>): Artefact => {
    const [header, payload, signature = ''] = value.split('.');
    return { value, forged: `${header}.${payload}.${like(signature)}`, works };
  };
  const id = (name: string, works: () => Promise<boolean>): Artefact => ({
    value: ids[name] ?? '',
    forged: /^[\da-f-]{36}$/.test(ids[name] ?? '') ? randomUUID() : like(ids[name] ?? ''),
    works,
  });
  const listed = (path: string, name: string) => async () => {
    for (let cursor = ''; ; ) {
      const { body } = await ask(server, a.apiToken, 'get', cursor ? `${path}?cursor=${cursor}` : path);
      if (JSON.stringify(body).includes(ids[name] ?? '-')) return true;
      if (!body.next_cursor) return false;
      cursor = encodeURIComponent(String(body.next_cursor));
    }
  };

  return {
    'authorization code': token(code, async () => (await redeem(server, party, code, proof)).status === 200),
    'opaque access token': token(tokens.access_token),
    'JWT access token': jwt(a.jwt, () => isActive(a.jwt)),
    'refresh token': token(tokens.refresh_token),
    'client credentials token': token(a.machineToken),
    'API token': token(a.apiToken, () => reads('/clients')),
    'API key': {
      ...token(a.apiKey, async () => (await ask(server, a.apiKey, 'get', '/clients')).status === 200),
      forged: makeKey('live').value,
    },
    'pushed request_uri': {
      value: pushed,
      forged: pushed.replace(/[^:]+$/, like),
      works: () =>
        opens(
          `/authorize?${new URLSearchParams({ client_id: party.clientId, request_uri: pushed })}`,
          /name="username"/,
        ),
    },
    'client id and secret': token(
      a.own.clientSecret,
      async () => (await post(server, '/token', a.own, { grant_type: 'client_credentials' })).status === 200,
    ),
    'client assertion': jwt(
      assertion,
      async () =>
        (await withAssertion(a, assertion)).status === 200 && (await withAssertion(a, assertion)).status === 401,
    ),
    'registration access token': token(a.registered.registration_access_token, async () => {
      const { registration_access_token, client_id } = a.registered;
      const answer = await fetch(`${server.issuer}/register/${client_id}`, {
        headers: bearer(registration_access_token),
      });
      if (answer.status === 200) Object.assign(a.registered, await answer.json());
      return answer.status === 200;
    }),
    'initial access token': token(a.initialAccessToken, async () => {
      const sent = { headers: bearer(a.initialAccessToken), json: { redirect_uris: ['https://rp.example/cb'] } };
      return (await show(a, { method: 'POST', path: '/register', ...sent })).status === 201;
    }),
    id_token_hint: jwt(String(tokens.id_token), async () => {
      const answer = await a.browser.open(`${server.issuer}/logout?id_token_hint=${tokens.id_token}`);
      return answer.status === 200;
    }),
    'DPoP nonce': token(nonce, async () => (await show(a, await withNonce(a, nonce))).status === 200),
    'idempotency key': {
      value: key,
      forged: randomUUID(),
      works: async () => (await repeated(a, key)).body.client_id === made.body.client_id,
    },
    'setup link': token(a.setupToken, () => opens(`/setup?token=${a.setupToken}`, /name="username"/)),
    'password link': token(a.passwordToken, () => opens(`/password?token=${a.passwordToken}`, /name="password"/)),
    'lockdown link': token(a.lockdownToken, () => opens(`/lockdown?token=${a.lockdownToken}`, /lockdown-submit/)),
    'verification link': token(a.verificationToken, () =>
      opens(`/verify-email?token=${a.verificationToken}`, /verify-submit/),
    ),
    'sign-in link': token(a.signInToken, () => opens(`/sign-in-link?token=${a.signInToken}`, /link-show/)),
    'recovery link': token(a.recoveryToken, () =>
      opens(`/factor-recovery?token=${a.recoveryToken}`, /recovery-submit/),
    ),
    'e-mail undo link': token(a.emailUndoToken, () =>
      opens(`/email-undo?token=${a.emailUndoToken}`, /email-undo-submit/),
    ),
    'account restore link': token(a.restoreToken, () =>
      opens(`/account-restore?token=${a.restoreToken}`, /account-restore-submit/),
    ),
    'invitation link': token(a.invitationToken, () =>
      opens(`/invitation?token=${a.invitationToken}`, /invitation-accept/),
    ),
    // Nobody has the address, and nobody registers: what is kept is found to be good, and goes on being so.
    'invitation cookies': cookies(a, b, invited, async () =>
      (await invited.open(`${server.issuer}/account/invitation`)).html.includes(`Organization of ${a.mark}`),
    ),
    'CSRF token': {
      value: csrf,
      forged: csrf
        .split('.')
        .map((part) => like(part))
        .join('.'),
      // The password it is sent with is refused, not the form.
      works: async () =>
        (
          await show(a, {
            method: 'POST',
            path: '/password',
            headers: { origin: new URL(server.issuer).origin },
            form: { token: a.passwordToken, csrf, password: 'short' },
          })
        ).status === 422,
    },
    'CSRF token of an account': {
      value: ownCsrf,
      forged: ownCsrf
        .split('.')
        .map((part) => like(part))
        .join('.'),
      // An empty form is refused for its token, or taken.
      works: async () => {
        const headers = {
          origin: new URL(server.issuer).origin,
          cookie: cookiesIn(a.browser)
            .map(({ name, value }) => `${name}=${value}`)
            .join('; '),
        };
        const sent = { method: 'POST', path: '/account/profile', headers, form: { csrf: ownCsrf, locale: 'tlh' } };
        return (await show(a, sent)).status === 422;
      },
    },
    'state of an account': {
      value: state,
      forged: `${state.split('.')[0]}.${like(state.split('.')[1] ?? '')}`,
      works: async () =>
        (await a.browser.open(`${server.issuer}/account/signed-in?state=${state}`)).url ===
        `${server.issuer}/account/profile`,
    },
    'interaction uid': {
      value: uid,
      forged: like(uid),
      works: async () => (await waiting.open(`${server.issuer}/interaction/${uid}`)).html.includes('name="username"'),
    },
    'page cursor': {
      value: String(first),
      forged: Buffer.from(JSON.stringify({ k: like(cursorOf(String(first))) })).toString('base64url'),
      works: () => reads(`/clients?cursor=${first}`),
    },
    'device code': planted('DeviceCode'),
    'backchannel authentication request': planted('BackchannelAuthenticationRequest'),
    'request to a person': {
      value: requestId,
      forged: randomUUID(),
      works: async () => {
        const answer = await a.browser.request(`${server.issuer}/api/v1/backchannel-requests/${requestId}`);
        return ((await answer.json()) as { decision?: unknown }).decision === null;
      },
    },
    user_id: id('user_id', () => reads(`/users/${ids.user_id}`)),
    client_id: id('client_id', () => reads(`/clients/${ids.client_id}`)),
    secret_id: id('secret_id', listed(`/clients/${ids.client_id}/secrets`, 'secret_id')),
    initial_access_token_id: id('initial_access_token_id', listed('/initial-access-tokens', 'initial_access_token_id')),
    resource_id: id('resource_id', () => reads(`/resources/${ids.resource_id}`)),
    policy_id: id('policy_id', () => reads(`/exchange-policies/${ids.policy_id}`)),
    organization: id('organization', () => reads(`/organizations/${ids.organization}`)),
    role: id('role', () => reads(`/roles/${ids.role}`)),
    role_id: id('role_id', () => reads(`/organization-roles/${ids.role_id}`)),
    team_id: id('team_id', () => reads(`/organizations/${ids.organization}/teams/${ids.team_id}`)),
    domain_id: id('domain_id', () => reads(`/organizations/${ids.organization}/domains/${ids.domain_id}`)),
    connection_id: id('connection_id', () => reads(`/connections/${ids.connection_id}`)),
    webhook_id: id('webhook_id', () => reads(`/webhooks/${ids.webhook_id}`)),
    delivery_id: id('delivery_id', () => reads(`/webhooks/${ids.webhook_id}/deliveries/${ids.delivery_id}`)),
    identity_id: id('identity_id', listed(`/users/${ids.user_id}/identities`, 'identity_id')),
    invitation_id: id('invitation_id', () =>
      reads(`/organizations/${ids.organization}/invitations/${ids.invitation_id}`),
    ),
    api_key_id: id('api_key_id', listed('/api-keys', 'api_key_id')),
    template_id: id('template_id', () =>
      reads(`/organizations/${ids.organization}/invitation-templates/${ids.template_id}`),
    ),
    issuer_id: id('issuer_id', () => reads(`/trusted-issuers/${ids.issuer_id}`)),
    subject_id: id('subject_id', listed(`/trusted-issuers/${ids.issuer_id}/subjects`, 'subject_id')),
    session_id: id('session_id', listed('/sessions', 'session_id')),
    grant_id: id('grant_id', listed('/grants', 'grant_id')),
    impersonation_id: id('impersonation_id', listed(`/users/${ids.user_id}/impersonations`, 'impersonation_id')),
    device_id: id('device_id', listed(`/users/${ids.user_id}/trusted-devices`, 'device_id')),
    trace_id: { ...id('trace_id', () => reads(`/traces/${ids.trace_id}`)), forged: newTraceId() },
    notice_id: id('notice_id', listed('/logout-notices', 'notice_id')),
    message_id: id('message_id', listed('/mail-messages', 'message_id')),
    job_id: id('job_id', () => reads(`/jobs/${ids.job_id}`)),
    audit_event_id: id('audit_event_id', listed('/audit-events', 'audit_event_id')),
    'session cookies': cookies(a, b, a.browser, async () => {
      const silent = await a.browser.open(authorizationUrl(server, party, pkce(), { prompt: 'none' }));
      const chooser = await a.browser.open(authorizationUrl(server, party, pkce(), { prompt: 'select_account' }));
      return (
        codeOf(silent) !== '' && chooser.html.includes(`maria@${a.mark}`) && chooser.html.includes(`jonas@${a.mark}`)
      );
    }),
    'interaction cookies': cookies(
      a,
      b,
      waiting,
      async () => {
        const resumed = await waiting.open(`${server.issuer}/authorize/${uid}`);
        return resumed.html.includes('name="username"');
      },
      uid,
    ),
  };
}

/** Of one tenant, under their own names and under those that the other gives its own. */
function cookies(a: House, b: House, browser: Browser, works: () => Promise<boolean>, uid?: string): Artefact {
  const own = cookiesIn(browser);
  const renamed = own.map(({ name, value }) => ({ name: name.replace(`_${a.slug}`, `_${b.slug}`), value }));
  const line = (change: (value: string) => string) =>
    [...own, ...renamed].map(({ name, value }) => `${name}=${change(value)}`).join('; ');
  return { value: line((value) => value), forged: line(like), works, ...(uid ? { uid } : {}) };
}

const withAssertion = (at: House, client_assertion: string) =>
  show(at, { method: 'POST', path: '/token', form: assertionForm(at, client_assertion) });

/** What an application asks whoever is signed in there for. */
async function requestTo({ server, party, browser }: House): Promise<string> {
  const me = await browser.request(`${server.issuer}/api/v1/auth/me`, { headers: { accept: 'application/json' } });
  const { id: userId } = (await me.json()) as { id: string };
  const asked = {
    handle: randomUUID(),
    userId,
    clientId: party.clientId,
    scope: 'openid',
    claims: [],
    expiresAt: new Date(Date.now() + 600_000),
  };
  return server.inside(async ({ backchannelRequests }) => (await backchannelRequests.ask(asked)).id);
}

/** RFC 9449 §8: what an issuer wants to see in the next proof. */
async function nonceOf(at: House): Promise<string> {
  const { path, form, headers } = await withNonce(at, 'another');
  const answer = await fetch(`${at.server.issuer}${path}`, {
    method: 'POST',
    headers: headers ?? {},
    body: new URLSearchParams(form),
  });
  return answer.headers.get('dpop-nonce') ?? '';
}

const repeated = (at: House, key: string) =>
  ask(
    at.server,
    at.apiToken,
    'post',
    '/clients',
    { client_name: `Once of ${at.mark}`, redirect_uris: ['https://rp.example/cb'] },
    {
      'idempotency-key': key,
    },
  );
