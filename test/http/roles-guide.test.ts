import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { projectRoot } from '../../config/root.js';
import { builtInRoles } from '../../src/features/roles/built-in-roles.js';
import { tokenWith } from '../support/api.js';
import { makeAdministrator } from '../support/api-keys.js';
import { makeClient, makePerson, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const guide = readFileSync(path.join(projectRoot, 'docs/roles.md'), 'utf8');
const blocks = (kind: string): string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block);

/** As it stands in the guide, where a request that is refused ends it. */
const strict = `set -euo pipefail; curl() { command curl --fail-with-body "$@"; echo; }\n`;

describe('the guide to roles', () => {
  let server: TestServer;
  let person: { id: string; email: string };
  let environment: Record<string, string>;

  beforeAll(async () => {
    server = await startServer();
    person = await makePerson(server);
    const token = await tokenWith(
      server,
      'roles:read roles:write users:read audit:read resources:write settings:write',
    );
    environment = { PATH: process.env.PATH ?? '', ISSUER: server.issuer, TOKEN: token };
  }, 180_000);
  afterAll(() => server?.close());

  /** With the id of somebody who is there. */
  const run = async (block: string): Promise<string> => {
    const script = strict + block.replaceAll('0199f0c4-1111-7000-8000-3b1e0f6a2c51', person.id);
    return (await promisify(execFile)('bash', ['-c', script], { env: environment })).stdout;
  };

  it('names every role that each tenant has', () => {
    const named = [...guide.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, key]) => key);
    expect(named.sort()).toEqual(builtInRoles.map(({ key }) => key).sort());
  });

  it('has examples that work, one after the other, and tells what is answered and what tokens say', async () => {
    const [give = '', check = '', resource = '', act = '', ...more] = blocks('sh');
    const [verdict = '', claims = '', acting = ''] = blocks('json');
    expect(more).toEqual([]);
    expect(await run(give)).toContain('"permissions":["users:read","audit:read"]');
    expect(JSON.parse(await run(check))).toEqual(JSON.parse(verdict));
    expect(await run(resource)).toContain('"key":"EDITOR"');

    await server.inside(async ({ users }) => users.setRoles(await users.find(person.id), ['AUDITOR', 'EDITOR']));
    const helper = await makeAdministrator(server, 'users:impersonate users:read audit:read');
    environment.OWN_TOKEN = helper.token;
    await server.inside(({ clients }) =>
      clients.create({ client_name: 'Trips', redirect_uris: ['https://rp.example/cb'] } as never, {
        clientId: 'trips-app',
      }),
    );
    const [, begun = '', list = ''] = (await run(act)).trim().split('\n');
    expect(JSON.parse(list).items).toEqual([expect.objectContaining({ impersonator_id: helper.user.id })]);
    const names = { sub: person.id, act: { sub: helper.user.id } };
    expect(decodeJwt(JSON.parse(begun).access_token)).toMatchObject({ ...JSON.parse(acting), ...names });

    const told = JSON.parse(claims) as { aud: string };
    const party = await makeClient(server, { scope: 'openid trips:read', consent_policy: 'implicit' });
    const asked = { resource: told.aud, scope: 'openid trips:read' };
    const { access_token } = await tokensFor(server, party, person.email, asked);
    expect(decodeJwt(String(access_token))).toMatchObject(told);
  });
});
