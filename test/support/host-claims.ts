// What a sender may claim about the place it has reached, and everything an issuer answers in which such a claim could come back.
import type { Tenant } from '../../src/features/tenants/tenant.entity.js';
import { managementScopes } from '../../src/management.js';
import { withContext } from '../../src/platform/context.js';
import { makeClient, makePerson, type Party, pkce } from './party.js';
import { initialAccessTokenFor } from './planted.js';
import { type Header, send } from './raw-request.js';
import type { TestServer } from './server.js';

export const evil = 'evil.example';
export const foreignAddress = '203.0.113.66';

/** What a sender may say about hosts, schemes, addresses and paths that are not theirs to say. */
export const claims: [string, Header[]][] = [
  ['X-Forwarded-Host', [['X-Forwarded-Host', evil]]],
  ['X-Forwarded-Host, several', [['X-Forwarded-Host', `${evil}, ${evil}`]]],
  ['X-Forwarded-Proto: https', [['X-Forwarded-Proto', 'https']]],
  ['X-Forwarded-Proto: http', [['X-Forwarded-Proto', 'http']]],
  ['X-Forwarded-Proto: anything', [['X-Forwarded-Proto', `${evil}:`]]],
  [
    'X-Forwarded-Port and -Prefix',
    [
      ['X-Forwarded-Port', '65444'],
      ['X-Forwarded-Prefix', `/${evil}`],
    ],
  ],
  ['Forwarded (RFC 7239)', [['Forwarded', `for=${foreignAddress};host=${evil};proto=https;by=${evil}`]]],
  ['X-Original-URL', [['X-Original-URL', `https://${evil}/token`]]],
  ['X-Rewrite-URL', [['X-Rewrite-URL', `/${evil}`]]],
  [
    'X-Host, X-Original-Host, Via',
    [
      ['X-Host', evil],
      ['X-Original-Host', evil],
      ['Via', `1.1 ${evil}`],
    ],
  ],
  [
    'X-HTTP-Method-Override',
    [
      ['X-HTTP-Method-Override', 'DELETE'],
      ['X-HTTP-Method', 'DELETE'],
    ],
  ],
];

export interface House {
  /** Where the server listens, whatever the address of the issuer. */
  port: number;
  issuer: URL;
  prefix: string;
  inside: TestServer['inside'];
  party: Party;
  apiToken: string;
  userId: string;
}

export async function furnish(server: TestServer, port: number, tenant: Tenant): Promise<House> {
  const issuer = new URL(tenant.issuer(server.services.config.issuer));
  const inside: TestServer['inside'] = (work) =>
    withContext({ tenantId: tenant.id, actor: { type: 'system', id: 'ostiary' } }, () => work(server.services));
  const own = { ...server, inside };
  const party = await makeClient(own);
  const scope = Object.keys(managementScopes).join(' ');
  const machine = await makeClient(own, {
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    scope,
  });
  const prefix = issuer.pathname.replace(/\/$/, '');
  const url = issuer.href.replace(/\/$/, '');
  const form = new URLSearchParams({ grant_type: 'client_credentials', resource: `${url}/api`, scope });
  const basic = Buffer.from(`${machine.clientId}:${machine.clientSecret}`).toString('base64');
  const headers: Header[] = [
    ['Host', issuer.host],
    ['Authorization', `Basic ${basic}`],
    ['Content-Type', 'application/x-www-form-urlencoded'],
  ];
  const { body } = await send(port, 'POST', `${prefix}/token`, headers, form.toString());
  const apiToken = /"access_token":"([^"]+)"/.exec(body)?.[1] ?? '';
  if (!apiToken) throw new Error(`no token: ${body}`);
  return { port, issuer, prefix, inside, party, apiToken, userId: (await makePerson(own)).id };
}

export const authorizePath = ({ party }: House, more: Record<string, string> = {}) =>
  `/authorize?${new URLSearchParams({
    client_id: party.clientId,
    response_type: 'code',
    redirect_uri: party.redirectUri,
    scope: 'openid',
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
    ...more,
  })}`;

/** Every kind of answer that has an address in it. */
export async function everyAnswer(house: House, extra: Header[], form: 'origin' | 'absolute' = 'origin') {
  const { port, issuer, prefix, apiToken, userId } = house;
  const ask = (method: string, path: string, headers: Header[] = [], body = '') =>
    send(
      port,
      method,
      form === 'origin' ? `${prefix}${path}` : `${issuer.origin}${prefix}${path}`,
      [['Host', issuer.host], ...headers, ...extra],
      body,
    );
  const html: Header = ['Accept', 'text/html'];
  const json: Header = ['Content-Type', 'application/json'];
  const urlencoded: Header = ['Content-Type', 'application/x-www-form-urlencoded'];
  const bearer: Header = ['Authorization', `Bearer ${apiToken}`];
  const authorized = await ask('GET', authorizePath(house), [html]);
  const cookie: Header = [
    'Cookie',
    authorized.headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; '),
  ];
  const at = new URL(authorized.headers.get('location') ?? 'http://none').pathname.slice(prefix.length);
  const registration = [json, ['Authorization', `Bearer ${await initialAccessTokenFor(house)}`]] as Header[];
  const interaction = await ask('GET', at, [html, cookie]);
  const csrf = /name="csrf" value="([^"]+)"/.exec(interaction.body)?.[1] ?? '';
  const typed = new URLSearchParams({ csrf, username: 'a@example.com' }).toString();
  return {
    discovery: await ask('GET', '/.well-known/openid-configuration'),
    metadata: await ask('GET', '/.well-known/oauth-authorization-server'),
    authorized,
    interaction,
    submitted: await ask('POST', `${at}/login`, [html, cookie, urlencoded], typed),
    unknownClient: await ask('GET', '/authorize?client_id=nobody', [html]),
    refused: await ask('GET', authorizePath(house, { prompt: 'none' })),
    nowhere: await ask('GET', '/nowhere', [html]),
    nowhereJson: await ask('GET', '/nowhere', [['Accept', 'application/json']]),
    token: await ask('POST', '/token', [urlencoded], 'grant_type=client_credentials'),
    userinfo: await ask('GET', '/userinfo', [['Authorization', 'Bearer nonsense']]),
    registered: await ask('POST', '/register', registration, '{"redirect_uris":["https://rp.example/cb"]}'),
    logout: await ask('GET', '/logout', [html]),
    unauthorized: await ask('GET', '/api/v1/clients'),
    problem: await ask('GET', '/api/v1/nothing', [bearer]),
    openapi: await ask('GET', '/api/v1/openapi.json'),
    mail: await ask('POST', `/api/v1/users/${userId}/password-links`, [bearer]),
    setup: await ask('GET', '/setup?token=nonsense', [html]),
  };
}
