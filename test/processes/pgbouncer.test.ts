import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { migrations } from '../../src/migrations.js';
import { entities } from '../../src/schema.js';
import { openServices } from '../../src/services.js';
import { administrator, crowd, isActive, type Pair, refreshForm, send, startPair, until } from '../support/pair.js';
import { makeClient, makePerson, type Party, tokensFor } from '../support/party.js';
import { type PgBouncer, pgbouncerIsHere, startPgBouncer } from '../support/pgbouncer.js';
import { freshDatabase } from '../support/postgres.js';
import { testConfig } from '../support/server.js';

const where = pgbouncerIsHere ? describe : describe.skip;

where('two processes behind PgBouncer in transaction mode', () => {
  let bouncer: PgBouncer;
  let house: Pair;
  let party: Party;

  const through = (url: string) => ({ DATABASE_URL: bouncer.through(url), DATABASE_DIRECT_URL: url });

  beforeAll(async () => {
    bouncer = await startPgBouncer(String(process.env.TEST_DATABASE_URL));
    house = await startPair(async ({ url }) => {
      await onServer(
        String(url),
        `ALTER DATABASE ${new URL(String(url)).pathname.slice(1)} SET statement_timeout = '15s'`,
      );
      return through(String(url));
    });
    party = await makeClient(house.server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(async () => {
    await house?.close();
    await bouncer?.close();
  });

  it('sign people in, and race for a refresh token with one successor (RFC 9700 §4.14.2)', async () => {
    const { email } = await makePerson(house.server);
    const tokens = await tokensFor(house.server, party, email);
    const answers = await crowd(20, (index) =>
      send(house, index, '/token', party, refreshForm(String(tokens.refresh_token))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    for (const index of [0, 1]) expect(await isActive(house, party, answers[0]?.body.access_token, index)).toBe(true);
    expect(await bouncer.transactions(String(house.database.url))).toBeGreaterThan(50);
  });

  it('serve crowds on fewer connections than requests', async () => {
    const basic = await makeClient(house.server, {
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    });
    const answers = await crowd(60, (index) =>
      send(house, index, '/token', basic, { grant_type: 'client_credentials' }),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });

  it('do jobs: a mail is delivered', async () => {
    const user = await makePerson(house.server);
    await house.inside(({ passwordLinks }) => passwordLinks.send(user));
    await until('the mail is in the mailbox', async () => {
      await delay(50);
      return (await house.inside(({ mail }) => mail.mailbox())).some(({ to }) => to === user.email);
    });
  });

  it('hear of a change at the other within a second', async () => {
    const manage = await administrator(house);
    const other = await makeClient(house.server, {
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    });
    const grant = { grant_type: 'client_credentials' };
    expect((await send(house, 1, '/token', other, grant)).status).toBe(200);
    expect(house.services.invalidation.live).toBe(true);
    expect((await manage(0, 'DELETE', `/clients/${other.clientId}`)).status).toBe(204);
    const isRefused = async () => (await send(house, 1, '/token', other, grant)).status === 401;
    await until('the client is unknown', isRefused, 1_000);
  });

  it('do not start where a statement could run for ever, and say what to do', async () => {
    const database = await freshDatabase('postgres', { entities, migrations });
    try {
      const config = testConfig({ ...through(String(database.url)), REDIS_URL: String(process.env.TEST_REDIS_URL) });
      await expect(openServices(config)).rejects.toThrow(/ALTER ROLE \w+ SET statement_timeout/);
    } finally {
      await database.close();
    }
  });
});

async function onServer(url: string, sql: string): Promise<void> {
  const client = new Client(url);
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
