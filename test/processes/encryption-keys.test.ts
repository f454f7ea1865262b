import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Sealer } from '../../src/platform/crypto.js';
import { Rewrap } from '../../src/platform/rewrap.js';
import { sealedColumns } from '../../src/sealed-columns.js';
import {
  cookiesOf,
  isActive,
  type Pair,
  refreshForm,
  rowsOf,
  send,
  silently,
  startPair,
  until,
} from '../support/pair.js';
import { makeClient, makePerson, type Party, tokensFor } from '../support/party.js';
import { Load } from '../support/verifiers.js';

const one = Buffer.alloc(32, 1);
const two = Buffer.alloc(32, 2);
const keys = (...named: [string, Buffer][]) =>
  JSON.stringify(Object.fromEntries(named.map(([version, key]) => [version, key.toString('base64')])));

describe('an encryption key is replaced while two processes serve', () => {
  let house: Pair;
  let party: Party;
  /** Where requests go now. */
  let serving: [number, number] = [0, 1];

  beforeAll(async () => {
    house = await startPair({ ENCRYPTION_KEYS: keys(['v1', one]) });
    party = await makeClient(house.server, { consent_policy: 'implicit', refresh_grace: 0 });
  }, 180_000);
  afterAll(() => house?.close());

  /** Two processes with other keys take over; the two before end when nothing they were asked is under way. */
  async function handOver(load: Load, encryptionKeys: string): Promise<void> {
    const before = serving.map((index) => house.members[index]?.child);
    await Promise.all([0, 1].map(() => house.spawn({ ENCRYPTION_KEYS: encryptionKeys })));
    serving = [house.members.length - 2, house.members.length - 1];
    await load.more(1);
    for (const child of before) child?.kill('SIGKILL');
  }

  const rewrap = new Map([
    ['v2', two],
    ['v1', one],
  ]);
  const survey = () => {
    const log = { info() {}, error() {} };
    return new Rewrap(house.services.db, new Sealer(rewrap), sealedColumns, log).survey();
  };
  const olderLeft = async () => (await survey()).filter(({ version }) => version !== 'v2');
  const published = async (index: number) => (await house.ask(index, '/jwks')).text();

  it('no request fails, everything is sealed anew, and then the new key alone is enough (NIST SP 800-57 part 1 §5.3)', async () => {
    const elsewhere = await house.services.tenants.create({ slug: 'elsewhere', name: 'Elsewhere' });
    await house.services.keys.ensure(elsewhere.id);
    const { email } = await makePerson(house.server);
    const { browser, ...tokens } = await tokensFor(house.server, party, email);
    const session = cookiesOf(browser);
    const [shown, accessToken] = [await published(0), String(tokens.access_token)];
    let refreshToken = String(tokens.refresh_token);
    let turn = 0;
    const either = () => serving[turn++ % 2] ?? 0;
    const at = {
      ...house,
      ask: (index: number, path: string, init?: RequestInit) => house.ask(serving[index % 2] ?? 0, path, init),
    };

    const load = new Load({
      'a refresh': async () => {
        const { status, body } = await send(at, turn++, '/token', party, refreshForm(refreshToken));
        if (status !== 200) throw new Error(JSON.stringify(body));
        refreshToken = String(body.refresh_token);
      },
      'a session': async () => {
        const { code, error } = await silently(at, turn++, party, session);
        if (!code) throw new Error(`no code: ${error}`);
      },
      'a token': async () => {
        if (!(await isActive(at, party, accessToken, turn++))) throw new Error('not active');
      },
      'the published keys': async () => {
        if ((await published(either())) !== shown) throw new Error('other keys');
      },
      'another tenant': async () => {
        const { status } = await house.ask(either(), '/t/elsewhere/.well-known/openid-configuration');
        if (status !== 200) throw new Error(`answers ${status}`);
      },
    });
    await load.more(5);
    await handOver(load, keys(['v2', two], ['v1', one]));
    // Its turn comes within minutes; here it comes now.
    await rowsOf(
      house,
      `UPDATE graphile_worker._private_jobs SET run_at = now() WHERE key = 'every:sealed_values.rewrap'`,
    );
    const kept = await rowsOf<{ secrets_sealed: string }>(
      house,
      'SELECT secrets_sealed FROM tenants WHERE id = $1',
      elsewhere.id,
    );
    await until('all is sealed anew', async () => (await olderLeft()).length === 0, 20_000);
    await load.more(5);
    await handOver(load, keys(['v2', two]));
    await load.more(5);
    await load.stop();
    expect([...load.failures]).toEqual([]);
    expect((await survey()).map(({ version }) => version)).not.toContain('v1');

    // What was sealed with a key that has gone: that tenant is closed and it is said why; everything else goes on.
    await rowsOf(house, 'UPDATE tenants SET secrets_sealed = $1 WHERE id = $2', kept[0]?.secrets_sealed, elsewhere.id);
    expect(kept[0]?.secrets_sealed).toMatch(/^v1:/);
    for (const [topic, key] of [
      ['tenant', `slug:elsewhere`],
      ['tenant', `id:${elsewhere.id}`],
      ['issuer', elsewhere.id],
    ] as const)
      await house.services.caching.publish(topic, key);
    const [index] = serving;
    await until('it is closed', async () => (await house.ask(index, '/t/elsewhere/jwks')).status === 500, 2_000);
    expect(house.members[index]?.log.join('')).toContain('encryption key v1 is not configured');
    expect(await published(index)).toBe(shown);
    expect(await isActive(at, party, accessToken, 0)).toBe(true);
  }, 300_000);
});
