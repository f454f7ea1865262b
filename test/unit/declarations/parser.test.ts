import { describe, expect, it } from '@jest/globals';
import { parseDeclarations } from '../../../src/features/declarations/declaration.parser.js';
import { DeclarationError } from '../../../src/features/declarations/declaration.problems.js';

function problemsOf(text: string): string[] {
  try {
    parseDeclarations(text, 'house.yaml');
  } catch (error) {
    if (error instanceof DeclarationError) return error.message.split('\n');
    throw error;
  }
  return [];
}

const web = `clients:
  - client_id: web
    redirect_uris: [https://app.example.com/cb]
`;

// name, text, the mistakes in the order of the file
const mistakes: [string, string, string[]][] = [
  ['an unknown key at the root', 'client: []', ['1:1: client: unknown key; did you mean clients?']],
  [
    'an unknown key in a client, at the key',
    `${web}    client_nmae: W\n`,
    ['4:5: clients[0].client_nmae: unknown key; did you mean client_name?'],
  ],
  [
    'a claim beside claims',
    'users:\n  - email: a@example.com\n    locale: pt\n',
    ['3:5: users[0].locale: unknown key; did you mean claims.locale?'],
  ],
  ['a duplicate key', `${web}    client_id: two\n`, ['4:5: clients[0].client_id: duplicate key']],
  [
    'a bracket left open',
    'clients: [\n  {client_id: a}\n',
    ['3:1: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ],
  ['a tab as indentation', 'clients:\n\t- client_id: a\n', ['2:1: Tabs are not allowed as indentation']],
  ['two documents', 'clients: []\n---\nusers: []\n', ['2:1: the file must be a single document, without ---']],
  ['an unknown tag', 'clients: !secret []\n', ['1:10: Unresolved tag: !secret']],
  ['an alias without an anchor', 'clients: *none\n', ['1:10: clients: there is no anchor &none above']],
  [
    'an alias within its own anchor',
    'clients: &a\n  - *a\n',
    ['2:5: clients[0][0]: the alias *a contains itself', '2:5: clients[0]: must be a mapping'],
  ],
  ['a list that is none', 'users: ann@example.com\n', ['1:8: users: must be a list']],
  ['an entry that is none', 'users:\n  - ann@example.com\n', ['2:5: users[0]: must be a mapping']],
  ['a member that is missing', 'users:\n  - email_verified: true\n', ['2:5: users[0].email: is missing']],
  [
    'a value of the wrong type',
    'clients:\n  - client_id: 17\n    grant_types: []\n',
    ['2:16: clients[0].client_id: must be text (put it in quotes where YAML reads something else)'],
  ],
  [
    'a value out of a list',
    `${web}    consent_policy: never\n`,
    ['4:21: clients[0].consent_policy: must be one of explicit, implicit'],
  ],
  [
    'a grant type nobody serves, at its place in the list',
    `${web}    grant_types: [authorization_code, password]\n`,
    ['4:39: clients[0].grant_types[1]: must be one of authorization_code, refresh_token, client_credentials'],
  ],
  [
    'a redirect_uri with a fragment (RFC 6749 §3.1.2)',
    'clients:\n  - client_id: web\n    redirect_uris:\n      - https://app.example.com/cb\n      - https://app.example.com/#f\n',
    ['5:9: clients[0].redirect_uris[1]: '],
  ],
  [
    'code without a redirect_uri',
    'clients:\n  - client_id: web\n',
    ['2:5: clients[0].redirect_uris: at least one is needed with response_types'],
  ],
  [
    'client_credentials for a public client (RFC 6749 §4.4)',
    'clients:\n  - client_id: job\n    grant_types: [client_credentials]\n    token_endpoint_auth_method: none\n',
    ['4:33: clients[0].token_endpoint_auth_method: client_credentials needs a client that authenticates'],
  ],
  [
    'a client_secret nobody would use',
    `${web}    token_endpoint_auth_method: none\n    client_secret: kept-for-nothing-at-all\n`,
    ['5:20: clients[0].client_secret: a client with token_endpoint_auth_method none has no client_secret'],
  ],
  [
    'a password everybody guesses',
    'users:\n  - email: ann@example.com\n    password: password123\n',
    ['3:15: users[0].password: is one of the passwords that everybody guesses first'],
  ],
  [
    'a hash that is none',
    'users:\n  - email: ann@example.com\n    password_hash: $2b$10$abcdefghijklmnopqrstuv\n',
    [
      '3:20: users[0].password_hash: is no hash that is taken over: argon2id, bcrypt, scrypt, firebase-scrypt, PBKDF2 or SSHA',
    ],
  ],
  [
    'a reference to the environment',
    `${web}    client_secret: \${WEB_SECRET}\n`,
    ['4:20: clients[0].client_secret: references to the environment are not supported; write the value itself'],
  ],
  [
    'a client that is there twice',
    'clients:\n  - {client_id: a, grant_types: [client_credentials]}\n  - {client_id: a, grant_types: [client_credentials]}\n',
    ['3:17: clients[1].client_id: a is there twice'],
  ],
  [
    'one address in two spellings',
    'users:\n  - email: ann@example.com\n  - email: ANN@example.com\n',
    ['3:12: users[1].email: ann@example.com is there twice'],
  ],
  [
    'a client of default said in both places',
    'tenants:\n  - {slug: default, name: D, clients: [{client_id: a, grant_types: [client_credentials]}]}\nclients:\n  - {client_id: a, grant_types: [client_credentials]}\n',
    ['2:52: tenants[0].clients[0].client_id: a is there twice'],
  ],
  [
    'a tenant without a name, and its users all the same',
    'tenants:\n  - slug: acme\n    users: [{email: nobody}]\n',
    ['2:5: tenants[0].name: is missing', '3:21: tenants[0].users[0].email: must be an e-mail address'],
  ],
  [
    'a setting of the wrong size',
    'tenants:\n  - slug: acme\n    name: Acme\n    settings: {lockout: {max_attempts: 1}}\n',
    ['4:40: tenants[0].settings.lockout.max_attempts: must be at least 3'],
  ],
  [
    'a resource that is no absolute URI (RFC 8707 §2)',
    'resources:\n  - identifier: api\n    name: API\n',
    ['2:17: resources[0].identifier: must be an absolute URI without a fragment'],
  ],
  [
    'a merge key',
    'x: &x {email: a@example.com}\nusers:\n  - <<: *x\n    email: b@example.com\n',
    [
      '1:1: x: unknown key',
      '3:5: users[0].<<: merge keys (<<) are not supported; an alias may stand for a whole value',
    ],
  ],
  ['a list as the file', '- a\n', ['1:1: must be a mapping']],
  [
    'a JSON file with a wrong value',
    '{\n\t"users": [\n\t\t{ "email": 3 }\n\t]\n}',
    ['3:14: users[0].email: must be text (put it in quotes where YAML reads something else)'],
  ],
];

describe('the declarative file', () => {
  it.each(mistakes)('points at %s', (_name, text, expected) => {
    const found = problemsOf(text);
    expect(found).toHaveLength(expected.length);
    for (const [index, line] of expected.entries()) expect(found[index]).toContain(`house.yaml:${line}`);
  });

  it('tells every mistake at once, in the order of the file', () => {
    const found = problemsOf(`clients:
  - client_id: "not allowed"
    client_nmae: x
users:
  - email: nobody
  - email: ann@example.com
    password: aaaaaaaa
resource: []
`);
    expect(found.map((line) => line.split(':').slice(1, 3).join(':'))).toEqual(['2:16', '3:5', '5:12', '7:15', '8:1']);
  });

  it('judges the rest of an entry although it has an unknown key', () => {
    expect(problemsOf('clients:\n  - client_id: web\n    colour: red\n')).toEqual([
      'house.yaml:2:5: clients[0].redirect_uris: at least one is needed with response_types',
      'house.yaml:3:5: clients[0].colour: unknown key',
    ]);
  });

  it('never repeats a secret or a password in a message', () => {
    const text = `${web}    token_endpoint_auth_method: none\n    client_secret: hush-hush-1\nusers:\n  - {email: a@example.com, password: hush}\n`;
    expect(problemsOf(text).join()).not.toContain('hush');
  });

  it('stops aliases that unfold to very much', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 9; i += 1) {
      const [from, to] = [String.fromCharCode(96 + i), String.fromCharCode(97 + i)];
      bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(',')}]`);
    }
    const began = performance.now();
    expect(problemsOf(bomb.join('\n')).join('\n')).toContain('the aliases unfold to more than is allowed');
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it.each([
    ['brackets', '['.repeat(50_000)],
    ['closed brackets', `${'['.repeat(100)}${']'.repeat(100)}`],
  ])('refuses %s nested without end', (_name, text) => {
    expect(problemsOf(text)).toHaveLength(1);
    expect(problemsOf(text)[0]).toContain('nested too deeply');
  });

  it('refuses a file of more than 5 MB before reading it', () => {
    expect(problemsOf(`# ${'x'.repeat(5_000_000)}`)).toEqual([
      'house.yaml:1:1: the file is larger than 5 MB; divide it into several',
    ]);
  });

  it('takes anchors, comments, JSON and an empty file', () => {
    const { tenants } = parseDeclarations(
      `clients:
  - &base # the first
    client_id: a
    grant_types: &grants [client_credentials]
  - client_id: b
    grant_types: *grants
`,
      'house.yaml',
    );
    expect(tenants[0]?.clients.map(({ value }) => value)).toEqual([
      { client_id: 'a', grant_types: ['client_credentials'] },
      { client_id: 'b', grant_types: ['client_credentials'] },
    ]);
    expect(parseDeclarations('# nothing yet\n', 'house.yaml').tenants).toEqual([]);
    expect(parseDeclarations('{"users":[{"email":"a@example.com"}]}', 'house.json').tenants).toHaveLength(1);
  });

  it('gives what stands at the top to the tenant default', () => {
    const { tenants } = parseDeclarations(
      `${web}tenants: [{slug: acme, name: Acme, users: [{email: a@example.com}]}, {slug: default, name: Here}]`,
      'house.yaml',
    );
    expect(tenants.map(({ slug, own, clients, users }) => [slug, own?.name, clients.length, users.length])).toEqual([
      ['default', 'Here', 1, 0],
      ['acme', 'Acme', 0, 1],
    ]);
  });
});
