// What is asked of both servers, to the byte the same but for names: one row of the table each.

import { routes } from '../../config/protocol.js';
import { Browser } from '../support/browser.js';
import { authorizationUrl, codeOf, type Party, pkce, signIn } from '../support/party.js';
import { askPort } from '../support/processes.js';
import type { Gun, Reply, Round, Shot } from './load.js';
import { redirectUri, resource, type Target } from './servers.js';

export interface Scenario {
  name: string;
  /** The least share of the bare engine's rate that is good enough. */
  target: number;
  /** What stands before the first round; returns one round of one user. */
  prepare(target: Target, users: number): Promise<Round>;
}

export const scenarios: Scenario[] = [
  { name: 'discovery', target: 1, prepare: async (target) => get(target, '/.well-known/openid-configuration') },
  { name: 'jwks', target: 1, prepare: async (target) => get(target, routes.jwks) },
  {
    name: 'client credentials, opaque',
    target: 0.8,
    prepare: async (target) => {
      const shot = form(target, routes.token, target.machine, { grant_type: 'client_credentials' });
      return (gun, user) => good(gun.fire(from(user, shot)));
    },
  },
  {
    name: 'client credentials, JWT ES256',
    target: 0.85,
    prepare: async (target) => {
      const asked = { grant_type: 'client_credentials', scope: 'read', resource };
      const shot = form(target, routes.token, target.machine, asked);
      return (gun, user) => good(gun.fire(from(user, shot)));
    },
  },
  {
    name: 'introspection',
    target: 0.7,
    prepare: async (target, users) => {
      const tokens = await manyTokens(target, users);
      const shots = tokens.map(({ access_token: token }) => form(target, routes.introspection, target.web, { token }));
      return async (gun, user) => {
        const { body } = await answered(gun.fire(from(user, shots[user] as Shot), true));
        if (!body.startsWith('{"active":true')) throw new Error(`not active: ${body}`);
      };
    },
  },
  {
    name: 'userinfo',
    target: 0.7,
    prepare: async (target, users) => {
      const tokens = await manyTokens(target, users);
      const shots = tokens.map(
        ({ access_token: token }): Shot => ({
          method: 'GET',
          path: routes.userinfo,
          headers: { ...front(target), authorization: `Bearer ${token}` },
        }),
      );
      return (gun, user) => good(gun.fire(from(user, shots[user] as Shot)));
    },
  },
  {
    name: 'refresh with rotation',
    target: 0.5,
    prepare: async (target, users) => {
      const tokens = await manyTokens(target, users);
      return async (gun, user) => {
        const refresh_token = tokens[user]?.refresh_token ?? '';
        const shot = form(target, routes.token, target.web, { grant_type: 'refresh_token', refresh_token });
        const { body } = await answered(gun.fire(from(user, shot), true));
        const next = JSON.parse(body) as Tokens;
        if (next.refresh_token === refresh_token) throw new Error('the refresh token was not rotated');
        tokens[user] = next;
      };
    },
  },
  {
    name: 'code flow, signed in',
    target: 0.5,
    prepare: async (target, users) => {
      const visitors = await signedIn(target, users);
      return async (gun, user) => void (await codeFlow(gun, target, visitors[user] as Visitor, user));
    },
  },
];

interface Tokens {
  access_token: string;
  refresh_token: string;
}

/** A browser behind a proxy: it asks this port, whatever the address it has been sent to. */
export class Visitor extends Browser {
  constructor(
    private readonly target: Pick<Target, 'port' | 'issuer'>,
    private readonly address: string,
  ) {
    super();
  }

  override async request(url: string, init: RequestInit = {}): Promise<Response> {
    const { pathname, search } = new URL(url);
    const headers = new Headers({ accept: 'text/html', ...Object.fromEntries(new Headers(init.headers)) });
    headers.set('x-forwarded-for', this.address);
    headers.set('x-forwarded-proto', 'https');
    const cookie = this.cookiesAt(url);
    if (cookie) headers.set('cookie', cookie);
    const response = await askPort(this.target.port, this.target.issuer, `${pathname}${search}`, { ...init, headers });
    this.keep(response);
    return response;
  }

  cookiesAt(url: string): string {
    return this.cookieHeader(url);
  }
}

/** Many addresses, as many people have. */
export const addressOf = (user: number) => `10.${(user >> 16) & 255}.${(user >> 8) & 255}.${user & 255}`;

export const front = ({ issuer }: Pick<Target, 'issuer'>): Record<string, string> => ({
  host: new URL(issuer).host,
  'x-forwarded-proto': 'https',
});

const from = (user: number, shot: Shot): Shot => ({
  ...shot,
  headers: { ...shot.headers, 'x-forwarded-for': addressOf(user) },
});

function get(target: Target, path: string): Round {
  const shot: Shot = { method: 'GET', path, headers: front(target) };
  return (gun, user) => good(gun.fire(from(user, shot)));
}

export function form(target: Target, path: string, party: Party, fields: Record<string, string>): Shot {
  const basic = Buffer.from(`${encodeURIComponent(party.clientId)}:${encodeURIComponent(party.clientSecret)}`);
  return {
    method: 'POST',
    path,
    headers: {
      ...front(target),
      authorization: `Basic ${basic.toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(fields).toString(),
  };
}

export async function answered(reply: Promise<Reply>): Promise<Reply> {
  const got = await reply;
  if (got.status !== 200) throw new Error(`answered ${got.status}: ${got.body}`);
  return got;
}

const good = async (reply: Promise<Reply>): Promise<void> => void (await answered(reply));

const signedIn = (target: Target, users: number): Promise<Visitor[]> =>
  Promise.all(
    Array.from({ length: users }, async (_, user) => {
      const visitor = new Visitor(target, addressOf(user));
      const email = target.people[user % target.people.length] ?? '';
      codeOf(await signIn(visitor, authorizationUrl(target as never, target.web, pkce()), email));
      return visitor;
    }),
  );

async function manyTokens(target: Target, users: number): Promise<Tokens[]> {
  const visitors = await signedIn(target, users);
  const { Gun } = await import('./load.js');
  const gun = new Gun(target.port, users);
  try {
    return await Promise.all(visitors.map((visitor, user) => codeFlow(gun, target, visitor, user)));
  } finally {
    await gun.close();
  }
}

let round = 0;

/** OpenID Connect Core §3.1 with a session that is there: the authorization request, and the code for tokens. */
async function codeFlow(gun: Gun, target: Target, visitor: Visitor, user: number): Promise<Tokens> {
  const proof = pkce();
  const url = authorizationUrl(target as never, target.web, proof, { prompt: 'none' });
  const headers = { ...front(target), cookie: visitor.cookiesAt(url), accept: 'text/html' };
  // An address may ask for a code 600 times a minute, and a session stays in the network in which it began.
  round += 1;
  const neighbour = (user & ~255) + (round & 255);
  const asked = { method: 'GET', path: url.slice(target.issuer.length), headers } as const;
  const { status, location } = await gun.fire(from(neighbour, asked));
  const code = status === 303 ? new URL(location).searchParams.get('code') : undefined;
  if (!code) throw new Error(`no code: ${status} ${location}`);
  const exchange = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: proof.verifier,
  };
  const { body } = await answered(gun.fire(from(user, form(target, routes.token, target.web, exchange)), true));
  return JSON.parse(body) as Tokens;
}
