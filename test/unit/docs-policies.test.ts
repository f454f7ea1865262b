// What docs/ says of settings, classes and links agrees with the schema: nothing missing, nothing made up, the same defaults.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { acrValues } from '../../config/protocol.js';
import { projectRoot } from '../../config/root.js';
import { variables } from '../../config/variables.js';
import { inventory } from '../../src/api/contract.js';
import { endpointsOf } from '../../src/endpoints.js';
import { TTL_SECONDS } from '../../src/features/one-time-tokens/one-time-purposes.js';
import { readSettings } from '../../src/features/tenants/tenant.schema.js';
import type { Services } from '../../src/services.js';

const read = (file: string) => readFileSync(path.join(projectRoot, file), 'utf8');
const pages = ['docs/policies.md', 'docs/step-up.md'];
const policies = read('docs/policies.md');
const all = pages.map(read).join('\n');

/** Settings that are told elsewhere: looks, and keys. */
const elsewhere = ['sign_in_layout', 'branding', 'signing_keys'];

/** Every setting with its default, `authentication.passkeys.attestation`. */
function leaves(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([name, one]): [string, unknown][] =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? leaves(one, `${prefix}${name}.`)
      : [[`${prefix}${name}`, one]],
  );
}
const settings = leaves(readSettings({})).filter(([name]) => !elsewhere.includes(String(name.split('.')[0])));
/** Without a default. */
const optional = [
  'api.tier',
  'authentication.passkeys.allowed_aaguids',
  'protocol.client_id_metadata_documents.scopes',
  'protocol.open_registration.scopes',
  'protocol.open_registration.redirect_hosts',
];
const rows = [...policies.matchAll(/^\| `([a-z_]+(?:\.[a-z_]+)+)` *\|[^|]*\| *([^|]*?) *\|$/gm)].map(
  ([, name = '', said = '']): [string, string] => [name, said],
);

describe('docs/policies.md', () => {
  it('names every setting there is, with its default', () => {
    const told = rows.filter(([name]) => !optional.includes(name));
    expect(Object.fromEntries(told)).toEqual(
      Object.fromEntries(settings.map(([name, value]) => [name, `\`${JSON.stringify(value)}\``])),
    );
    for (const name of optional) expect(rows.map(([one]) => one)).toContain(name);
  });

  it('names every link there is, with the time it is good for', () => {
    const minutes = { minutes: 60, hours: 3600, days: 86_400 };
    const told = [...policies.matchAll(/^\| `([a-z_]+)` *\| (\d+) (minutes|hours|days)/gm)].map(
      ([, name = '', count, unit = 'minutes']): [string, number] => [
        name,
        Number(count) * minutes[unit as keyof typeof minutes],
      ],
    );
    expect(Object.fromEntries(told)).toEqual(TTL_SECONDS);
  });
});

describe.each(pages)('%s', (page) => {
  const text = read(page);

  it('names no variable, endpoint, class or page that is not there', () => {
    const names = new Set(Object.keys(variables));
    const shell = ['ISSUER', 'TOKEN'];
    for (const [, name = ''] of text.matchAll(/`([A-Z]{3,}(?:_[A-Z]+)+)`/g))
      expect([...names, ...shell]).toContain(name);
    const endpoints = inventory(endpointsOf({} as Services)).map(
      ({ method, path: at }) => `${method.toUpperCase()} /api/v1${at.replaceAll(/:(\w+)/g, '{$1}')}`,
    );
    for (const [, endpoint = ''] of text.matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/api\/v1\/\S+)`/g))
      expect(endpoints).toContain(endpoint);
    for (const [acr] of text.matchAll(/urn:ostiary:acr:\w+/g)) expect(acrValues).toContain(acr);
    for (const [, link = ''] of text.matchAll(/\]\(([^)#]+\.md)\)/g))
      expect(existsSync(path.join(projectRoot, 'docs', link))).toBe(true);
  });
});

it('every form of a program is named, with no other', () => {
  const source = read('src/interaction/json.ts');
  const [, forms = ''] = /const forms: Record<string, StepForm> = \{([\s\S]*?)\n\};/.exec(source) ?? [];
  const mounted = [
    ...[...forms.matchAll(/^ {2}'?([\w/-]+)'?: /gm)].map(([, path]) => path),
    ...[...source.matchAll(/\['([\w/-]+)', '(?:verify|signIn)'\]/g)].map(([, path]) => path),
    ...[...source.matchAll(/^ {2}post\('([\w/-]+)'/gm)].map(([, path]) => path),
  ];
  const [, table = ''] = /\| Form +\|[^\n]*\n([\s\S]*?)\n\n/.exec(all) ?? [];
  const told = [...table.matchAll(/^\| `([\w/-]+)`/gm)].map(([, path]) => path);
  expect(told.sort()).toEqual(mounted.sort());
});

it('every request of the account is named, with no other', () => {
  const files = readdirSync(path.join(projectRoot, 'src/account')).filter((name) => /^(?:.+-)?api\.ts$/.test(name));
  const sources = files.map((name) => read(`src/account/${name}`)).join('\n');
  const routes = [...sources.matchAll(/router\.(get|post|put|patch|delete)\(\s*(\[[^\]]*\]|'[^']+')/g)];
  const mounted = routes.flatMap(([, method = '', paths = '']) =>
    [...paths.matchAll(/'([^']+)'/g)].map(
      ([, at = '']) => `${method.toUpperCase()} ${at.replaceAll(/:(\w+)/g, '{$1}')}`,
    ),
  );
  const [, table = ''] = /\| Request +\|[^\n]*\n([\s\S]*?)\n\n/.exec(all) ?? [];
  const told = [...table.matchAll(/^\| `([A-Z]+ [^`]+)`/gm)].map(([, request]) => request);
  expect(mounted.length).toBeGreaterThan(10);
  expect(told.sort()).toEqual(mounted.sort());
});

it('every class of authentication is explained, and both pages are linked from the README', () => {
  for (const acr of acrValues) expect(all).toContain(`\`${acr}\``);
  for (const page of pages) expect(read('README.md')).toContain(`(${page})`);
});
