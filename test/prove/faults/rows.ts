// Rows that were damaged: what stands on them fails closed, the process and everybody else go on.

import { withContext } from '../../../src/platform/context.js';
import { Browser } from '../../support/browser.js';
import { rowsOf } from '../../support/pair.js';
import { authorizationUrl, makeClient, type Party, pkce, post } from '../../support/party.js';
import type { Report, Sight } from './report.js';
import { type House, isAlive, openHouse, type Stage, secondsUntil, statuses, timed, token } from './stage.js';

const group = 'Damaged rows';
const promise = 'that thing fails closed with an alert; the process and other tenants stay';

export async function rowFaults({ outside }: Stage, report: Report): Promise<void> {
  if (!report.wants(group, 'signing key secrets settings of a tenant sign-in')) return;
  const { databaseUrl, redisUrl } = outside;
  const house = await openHouse({ outside: { databaseUrl, redisUrl } });
  try {
    const tenant = await house.services.tenants.create({ slug: 'other', name: 'Other' } as never);
    const other = { issuer: `${house.issuer}/t/other` };
    const party = await makeClient(
      { ...house.server, ...other, inside: (work) => withContext({ tenantId: tenant.id }, () => work(house.services)) },
      { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] },
    );
    const damage = async (sight: Sight, spoil: string, mend: string) => {
      const kept = await ask(other, party);
      if (kept.status !== 200) throw new Error(`the other tenant answers ${kept.status} ${JSON.stringify(kept.body)}`);
      await rowsOf(house, spoil, tenant.id);
      await renewed(house, tenant.id);
      const answers = [
        await timed(() => fetch(`${other.issuer}/jwks`)),
        await timed(() => fetch(`${other.issuer}/.well-known/openid-configuration`)),
        await timed(() => fetch(`${other.issuer}/token`, { method: 'POST' })),
      ];
      sight.must(
        `its JWKS, discovery and tokens: ${statuses(answers)}`,
        answers.every(({ status }) => status >= 500),
      );
      sight.must('the other tenant serves on', (await token(house)).status === 200);
      sight.must('an error in the log', alerts(house) > 0);
      await rowsOf(house, mend, tenant.id);
      await renewed(house, tenant.id);
      await secondsUntil('it serves again', async () => (await ask(other, party)).status === 200, 5);
      sight.must('mended, it serves again without restart', isAlive(house));
    };
    await report.record(group, 'a signing key of one tenant', promise, (sight) =>
      damage(
        sight,
        `UPDATE signing_keys SET private_jwk_sealed = 'x' || private_jwk_sealed WHERE tenant_id = $1`,
        `UPDATE signing_keys SET private_jwk_sealed = substr(private_jwk_sealed, 2) WHERE tenant_id = $1`,
      ),
    );
    await report.record(group, 'the sealed secrets of one tenant, one byte', promise, (sight) =>
      damage(
        sight,
        `UPDATE tenants SET secrets_sealed = translate(secrets_sealed, 'ab', 'ba') WHERE id = $1`,
        `UPDATE tenants SET secrets_sealed = translate(secrets_sealed, 'ab', 'ba') WHERE id = $1`,
      ),
    );
    await report.record(group, 'the settings of one tenant', promise, (sight) =>
      damage(
        sight,
        `UPDATE tenants SET settings = '{"sessions": "for ever"}' WHERE id = $1`,
        `UPDATE tenants SET settings = '{}' WHERE id = $1`,
      ),
    );
    await report.record(group, 'the sealed state of a sign-in', promise, async (sight) => {
      const browser = new Browser();
      const page = await browser.open(authorizationUrl(house.server, house.party, pkce()));
      const { redis } = house.services;
      for (const key of (await redis?.client.keys('ostiary:*:Interaction:*')) ?? [])
        await redis?.client.hset(key, 'sealed', 'v1:AAAA:AAAA');
      const before = alerts(house);
      const again = await timed(() => browser.request(page.url));
      sight.must(
        `its page answers ${again.status}, and says nothing of what is inside`,
        again.status >= 400 && !again.text.includes('AAAA'),
      );
      sight.must('an error in the log', alerts(house) > before);
      const anew = await new Browser().open(authorizationUrl(house.server, house.party, pkce()));
      sight.must('another sign-in begins', anew.status === 200);
      sight.must('the process stayed', isAlive(house));
    });
  } finally {
    await house.close();
  }
}

const ask = (other: { issuer: string }, party: Party) =>
  post(other, '/token', party, { grant_type: 'client_credentials' });

/** What is kept in memory of the tenant is loaded anew, in every process. */
async function renewed({ services }: House, tenantId: string): Promise<void> {
  await services.db.transaction(async () => {
    for (const key of [`id:${tenantId}`, 'slug:other']) await services.invalidation.publish('tenant', key);
    await services.invalidation.publish('issuer', tenantId);
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
}

const alerts = ({ members }: House): number =>
  members.flatMap(({ log }) => log.join('').split('\n')).filter((line) => line.includes('"level":"error"')).length;
