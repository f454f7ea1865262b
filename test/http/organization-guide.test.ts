import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { projectRoot } from '../../config/root.js';
import { tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { codeOf, makeClient, makePerson, redeem, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const guide = readFileSync(path.join(projectRoot, 'docs/organizations.md'), 'utf8');
const blocks = (kind: string): string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block);

/** RFC 7636 Appendix B: the guide has its challenge. */
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';

/** As it stands in the guide, where a request that is refused ends it. */
const strict = `set -euo pipefail; curl() { command curl --fail-with-body "$@"; }\n`;

describe('the guide to organizations', () => {
  let server: TestServer;
  let person: { id: string; email: string };
  let environment: Record<string, string>;

  beforeAll(async () => {
    server = await startServer();
    person = await makePerson(server);
    const token = await tokenWith(server, 'organizations:read organizations:write');
    environment = { PATH: process.env.PATH ?? '', ISSUER: server.issuer, TOKEN: token };
  }, 180_000);
  afterAll(() => server?.close());

  /** With the id of somebody who is there. */
  const run = async (block: string): Promise<string> => {
    const script = strict + block.replaceAll('0199f0c4-1111-7000-8000-3b1e0f6a2c51', person.id);
    return (await promisify(execFile)('bash', ['-c', script], { env: environment })).stdout;
  };

  it('has examples that work, one after the other, and tells what tokens say', async () => {
    const [made = '', roles = '', invitation = '', domain = '', policy = '', ...more] = blocks('sh');
    expect(more).toEqual([]);
    for (const block of [made, roles, invitation, domain]) expect(await run(block)).toContain('{"id":"');

    const party = await makeClient(server, { scope: 'openid organization', consent_policy: 'implicit' });
    const [request = ''] = blocks('').filter((block) => block.startsWith('GET /authorize?'));
    const url = new URL(request.replace(/^GET /, '').replace(/\s+/g, ''), server.issuer);
    url.searchParams.set('client_id', party.clientId);
    url.searchParams.set('redirect_uri', party.redirectUri);
    const page = await signIn(new Browser(), url.href, person.email);
    const { body } = await redeem(server, party, codeOf(page), { verifier, challenge: '' });
    const [told = '{}'] = blocks('json');
    const claims = decodeJwt(String(body.id_token));
    expect(claims).toMatchObject({ org_name: 'Globex', org_slug: 'globex' });
    expect(Object.keys(claims)).toEqual(expect.arrayContaining(Object.keys(JSON.parse(told))));

    expect(JSON.parse(await run(policy))).toMatchObject({ settings: { policy: { grace_days: 14 } } });
  });
});
