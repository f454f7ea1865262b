// A relying party and a person, for tests: what they do is ordinary HTTP; only their rows are made without it, unless a test makes them itself.
import { createHash, randomBytes } from 'node:crypto';
import { Browser, type Page } from './browser.js';
import type { TestServer } from './server.js';

export const password = 'correct horse battery staple';

export interface Party {
  clientId: string;
  clientSecret: string;
  redirectUri: string;
}

export async function makeClient(server: TestServer, metadata: Record<string, unknown> = {}): Promise<Party> {
  const redirectUri = 'https://rp.example/cb';
  const { client, secret } = await server.inside(({ clients }) =>
    clients.create({
      client_name: 'Trip Planner',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      ...metadata,
    } as never),
  );
  return { clientId: client.clientId, clientSecret: secret ?? '', redirectUri };
}

export async function makePerson(server: TestServer, email = `maria-${randomBytes(4).toString('hex')}@example.com`) {
  return server.inside(async ({ users, passwords }) => {
    const user = await users.create({ email, email_verified: true, claims: { name: 'Maria Muster' } } as never);
    await passwords.set(user, password);
    return user;
  });
}

export interface Pkce {
  verifier: string;
  challenge: string;
}

export function pkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

export const authorizationUrl = (
  server: TestServer,
  party: Party,
  { challenge }: Pkce,
  more: Record<string, string> = {},
) =>
  `${server.issuer}/authorize?${new URLSearchParams({
    client_id: party.clientId,
    response_type: 'code',
    redirect_uri: party.redirectUri,
    scope: 'openid profile email',
    state: randomBytes(8).toString('hex'),
    nonce: randomBytes(8).toString('hex'),
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...more,
  })}`;

/** Goes through sign-in and consent as far as the pages ask. @returns where the browser ended. */
export async function signIn(browser: Browser, url: string, email: string): Promise<Page> {
  let page = await browser.open(url);
  for (let step = 0; step < 6 && page.html.includes('<form'); step += 1) {
    if (page.html.includes('name="password"')) page = await browser.submit(page, { username: email, password });
    else if (page.html.includes('name="username"')) page = await browser.submit(page, { username: email });
    else if (page.html.includes('consent-allow')) page = await browser.submit(page, { decision: 'allow' });
    else return page;
  }
  return page;
}

export const codeOf = (page: Page): string => {
  const code = new URL(page.url).searchParams.get('code');
  if (!code)
    throw new Error(
      `no code at ${page.url} (${page.status}) ${page.html
        .replace(/<[^>]+>/g, ' ')
        .replace(/\s+/g, ' ')
        .slice(0, 400)}`,
    );
  return code;
};

/** @returns what was told instead of a code. */
export const errorOf = (page: Page): string | null => new URL(page.url).searchParams.get('error');

export interface TokenAnswer {
  status: number;
  body: Record<string, string>;
  headers: Headers;
}

/** Any endpoint of the engine that takes a form, as the client. */
export async function post(
  server: Pick<TestServer, 'issuer'>,
  path: string,
  party: Party,
  form: Record<string, string> | [name: string, value: string][],
): Promise<TokenAnswer> {
  const response = await fetch(`${server.issuer}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from(`${encodeURIComponent(party.clientId)}:${encodeURIComponent(party.clientSecret)}`).toString('base64')}`,
    },
    body: new URLSearchParams(form),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : {}, headers: response.headers };
}

export const redeem = (
  server: Pick<TestServer, 'issuer'>,
  party: Party,
  code: string,
  { verifier }: Pkce,
  more: Record<string, string> = {},
) =>
  post(server, '/token', party, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: party.redirectUri,
    code_verifier: verifier,
    ...more,
  });

export const refresh = (
  server: Pick<TestServer, 'issuer'>,
  party: Party,
  token: string,
  more: Record<string, string> = {},
) => post(server, '/token', party, { grant_type: 'refresh_token', refresh_token: token, ...more });

export const introspect = (server: Pick<TestServer, 'issuer'>, party: Party, token: string) =>
  post(server, '/introspect', party, { token });

/** A whole sign-in: tokens for a person at a client. */
export async function tokensFor(
  server: TestServer,
  party: Party,
  email: string,
  more: Record<string, string> = {},
  browser = new Browser(),
) {
  const proof = pkce();
  const page = await signIn(browser, authorizationUrl(server, party, proof, more), email);
  const { status, body } = await redeem(
    server,
    party,
    codeOf(page),
    proof,
    more.resource ? { resource: more.resource } : {},
  );
  if (status !== 200) throw new Error(`the code was refused: ${JSON.stringify(body)}`);
  return { ...body, browser } as Record<string, string> & { browser: Browser };
}
