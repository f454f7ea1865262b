import { describe, expect, it } from '@jest/globals';
import { decideRegistration } from '../../src/features/clients/registration/registration-policy.js';

type Row = [
  what: string,
  policy: object,
  said: object,
  held: string | undefined,
  scope: string | undefined,
  refused: string[],
];

const people = 'openid profile email address phone offline_access';

const rows: Row[] = [
  ['nothing is said: what is about people, and nothing else', {}, {}, undefined, people, []],
  ['scopes about people need no policy', {}, { scope: 'openid email' }, undefined, 'openid email', []],
  ['a scope of a resource does', {}, { scope: 'openid trips' }, undefined, 'openid trips', ['/scope']],
  ['the policy names it', { scopes: ['openid', 'trips'] }, { scope: 'openid trips' }, undefined, 'openid trips', []],
  [
    'the policy leaves out what is about people',
    { scopes: ['trips'] },
    { scope: 'openid' },
    undefined,
    'openid',
    ['/scope'],
  ],
  ['the policy is what one gets', { scopes: ['openid', 'trips'] }, {}, undefined, 'openid trips', []],
  ['what it has it may repeat', {}, { scope: 'openid trips' }, 'openid trips', 'openid trips', []],
  ['what it has it keeps', { scopes: ['openid', 'trips'] }, {}, 'openid', 'openid', []],
  [
    'what it has given up it gets again by the policy only',
    {},
    { scope: 'openid trips' },
    'openid',
    'openid trips',
    ['/scope'],
  ],
  ['a scope that is no text is for the schema', {}, { scope: ['openid'] }, undefined, undefined, []],
  [
    'a grant that is not listed',
    { grant_types: ['refresh_token'] },
    { grant_types: ['refresh_token', 'client_credentials'] },
    undefined,
    people,
    ['/grant_types/1'],
  ],
  [
    'an unsaid grant is authorization_code',
    { grant_types: ['client_credentials'] },
    {},
    undefined,
    people,
    ['/grant_types/0'],
  ],
  [
    'grants that are no list are for the schema',
    { grant_types: ['refresh_token'] },
    { grant_types: 'password' },
    undefined,
    people,
    [],
  ],
  [
    'a host that is listed',
    { redirect_hosts: ['rp.example'] },
    { redirect_uris: ['https://rp.example:444/cb'] },
    undefined,
    people,
    [],
  ],
  [
    'a host that is not',
    { redirect_hosts: ['rp.example'] },
    { redirect_uris: ['https://rp.example/', 'https://evil.example/'] },
    undefined,
    people,
    ['/redirect_uris/1'],
  ],
  [
    'a host that begins alike',
    { redirect_hosts: ['rp.example'] },
    { redirect_uris: ['https://rp.example.evil.example/'] },
    undefined,
    people,
    ['/redirect_uris/0'],
  ],
  [
    'a host below',
    { redirect_hosts: ['rp.example'] },
    { redirect_uris: ['https://a.rp.example/'] },
    undefined,
    people,
    ['/redirect_uris/0'],
  ],
  [
    'a name before the host',
    { redirect_hosts: ['rp.example'] },
    { redirect_uris: ['https://rp.example@evil.example/'] },
    undefined,
    people,
    ['/redirect_uris/0'],
  ],
  [
    'a private-use scheme is at no host',
    { redirect_hosts: ['rp.example'] },
    { redirect_uris: ['com.example.app:/cb'] },
    undefined,
    people,
    ['/redirect_uris/0'],
  ],
  [
    'where people are sent after signing out',
    { redirect_hosts: ['rp.example'] },
    { post_logout_redirect_uris: ['https://evil.example/'] },
    undefined,
    people,
    ['/post_logout_redirect_uris/0'],
  ],
];

describe('at resources that are open to clients that register themselves', () => {
  const open = ['trips', 'trips:write'];

  it.each<[string, object, Record<string, unknown>, string | undefined, string, number]>([
    ['their scopes may be named without a policy', {}, { scope: 'openid trips' }, undefined, 'openid trips', 0],
    ['and beyond one', { scopes: ['openid'] }, { scope: 'trips:write' }, undefined, 'trips:write', 0],
    [
      'and come with those of the policy',
      { scopes: ['trips', 'openid'] },
      {},
      undefined,
      'trips openid trips:write',
      0,
    ],
    ['what it has it keeps', {}, {}, 'openid', 'openid', 0],
    ['no others may', {}, { scope: 'openid orders' }, undefined, 'openid orders', 1],
  ])('%s', (_what, policy, said, held, scope, refused) => {
    const decision = decideRegistration(policy, said, held, open);
    expect([decision.scope, decision.issues.length]).toEqual([scope, refused]);
  });
});

describe('what a client may register under a policy (RFC 7591 §2, RFC 7592 §2.2)', () => {
  it.each(rows)('%s', (_what, policy, said, held, scope, refused) => {
    const decision = decideRegistration(policy, said as Record<string, unknown>, held);
    expect([decision.scope, decision.issues.map(({ pointer }) => pointer)]).toEqual([scope, refused]);
  });
});
