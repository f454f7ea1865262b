// docs/connections.md and docs/failed-sign-ins.md: what they say to type works, what they say is there is, and the traces are those that come of it.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { faults } from '../../examples/identity-provider/people.js';
import { readSettings } from '../../src/features/connections/connection.settings.js';
import { ExampleCompany } from '../support/example-company.js';
import { runExample } from '../support/examples.js';
import { codeOf } from '../support/party.js';

const read = (name: string) => readFileSync(path.join(projectRoot, 'docs', name), 'utf8');
const [connections, failed] = [read('connections.md'), read('failed-sign-ins.md')];
const blocks = (text: string, kind: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block);
/** As it stands in the guide, where a request that is refused ends it. */
const strict = `set -euo pipefail; curl() { command curl --fail-with-body "$@"; }\n`;

it.each(['saml', 'oidc', 'oauth2'] as const)('the guide names what is mapped of %s without being said', (kind) => {
  const { mapping } = readSettings({ kind, preset: null, organizationId: null, storedSettings: {} });
  const column = kind === 'saml' ? 1 : 2;
  const told = [...connections.matchAll(/^\| `(\w+)` +\|([^|]+)\|([^|]+)\|$/gm)]
    .filter(([, claim = '']) => claim in mapping)
    .map((row) => [row[1], [...(row[column + 1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name)]);
  expect(Object.fromEntries(told)).toEqual(mapping);
});

describe('the guides to connections', () => {
  let company: ExampleCompany;
  let environment: Record<string, string>;

  beforeAll(async () => {
    company = await ExampleCompany.open((environment) => runExample('identity-provider', environment));
    environment = { PATH: process.env.PATH ?? '', ISSUER: company.server.issuer, TOKEN: company.token };
  }, 180_000);
  afterAll(() => company?.close());

  const run = async (...lines: string[]): Promise<string> => {
    const script = strict + lines.join('\n').replaceAll('http://localhost:8090', company.origin);
    return (await promisify(execFile)('bash', ['-c', script], { env: environment })).stdout;
  };

  it('connect the example in four steps, after which somebody signs in', async () => {
    const [made = '', told = '', said = '', enabled = '', preview = '', groups = '', ...more] = blocks(
      connections,
      'sh',
    );
    expect(more).toEqual([]);
    const id = (await run(made, 'echo $CONNECTION')).trim();
    environment = { ...environment, CONNECTION: id };
    expect(JSON.parse(await run(told))).toMatchObject({ entity_id: `${company.server.issuer}/saml/${id}/metadata` });
    expect(JSON.parse(await run(said))).toMatchObject({
      identity_provider: { name: `${company.origin}/saml/metadata` },
    });
    await run(enabled);
    expect(JSON.parse(await run(preview))).toMatchObject({
      email: 'maria@globex.example',
      email_verified: true,
      claims: { name: 'Maria Muster' },
      groups: ['admins'],
    });
    expect(JSON.parse(await run(groups))).toMatchObject({
      settings: { provisioning: { required_groups: ['everyone', 'admins'] } },
    });
    expect(codeOf(await company.signIn('globex', { email: 'ada@globex.example' }))).toBeTruthy();
  });

  it('tell what each wrong answer is called, and what looking again says', async () => {
    const ids = { saml: await company.connect('saml'), oidc: await company.connect('oidc') };
    const page: Record<string, string> = faults;
    const [, table = ''] = /\| What is wrong[^\n]*\n([\s\S]*?)\n\n/.exec(failed) ?? [];
    const rows = [...table.matchAll(/^\| ([A-Z][^|]+?) +\| +(?:`(\w+)`)? *\|/gm)].map(([, words = '', error = '']) => [
      words,
      error,
    ]);
    expect(rows.map(([words]) => words).sort()).toEqual(
      Object.values(page)
        .filter((words) => words !== page[''])
        .sort(),
    );
    const traces: Record<string, Record<string, unknown>> = {};
    for (const [words = '', error] of rows) {
      const kind = words.includes('OpenID') ? 'oidc' : 'saml';
      const fault = Object.keys(page).find((name) => page[name] === words) ?? '';
      await company.signIn(kind === 'saml' ? 'company' : 'company-oidc', { fault, email: `${fault}@company.example` });
      const trace = await company.trace(ids[kind]);
      expect([words, trace.error]).toEqual([words, error]);
      traces[fault] = trace;
    }
    expect(traces.unverified).toMatchObject({
      outcome: 'succeeded',
      recording: { mapping: { email_verified: false } },
    });

    const shown = JSON.parse(
      (blocks(failed, 'json')[0] ?? '').replace('{issuer}', company.server.issuer).replace('{connection}', ids.saml),
    );
    const { recording, ...seen } = traces.audience as { recording: { checks: { passed: boolean }[] } };
    expect({
      ...seen,
      recording: { ...recording, checks: recording.checks.filter(({ passed }) => !passed) },
    }).toMatchObject(shown);

    const [list = '', again = ''] = blocks(failed, 'sh');
    environment = { ...environment, CONNECTION: ids.saml, REFERENCE: String(traces.clock?.id) };
    expect(await run(list)).toContain(`"id":"${traces.clock?.id}"`);
    expect(await run(again)).toContain('"outcome":"passed"');
  });
});
