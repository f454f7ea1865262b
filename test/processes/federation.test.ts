// Sign-ins by an identity provider whose answers come back to another process than they left from, and to both at once.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { User } from '../../src/features/users/user.entity.js';
import { Browser } from '../support/browser.js';
import { answered, identityOf, leadsTo, makeConnection, type TestConnection } from '../support/federated.js';
import { crowd, type Pair, startPair } from '../support/pair.js';
import { authorizationUrl, makeClient, type Party, pkce } from '../support/party.js';

describe('sign-ins by an identity provider at two processes', () => {
  let house: Pair;
  let party: Party;
  let connection: TestConnection;

  beforeAll(async () => {
    house = await startPair();
    party = await makeClient(house.server, { consent_policy: 'implicit' });
    connection = await makeConnection(house.server);
  }, 180_000);
  afterAll(() => house?.close());

  /** @returns where the browser is sent with the answer. */
  const shown = async (browser: Browser, subject: string): Promise<string> => {
    const away = await browser.open(authorizationUrl(house.server, party, pkce(), { connection: connection.key }));
    const said = identityOf({ subject, email: `${subject}@${subject}.example` });
    return answered(house.server, leadsTo(away) ?? '', said);
  };
  const people = (subject: string) =>
    house.server.inside(({ db }) => db.repo(User).countBy({ emailNormalized: `${subject}@${subject}.example` }));

  it('an answer is taken once, of twenty times that one browser brings it to either', async () => {
    const browser = new Browser();
    const address = await shown(browser, 'once');
    const statuses = await crowd(20, async () => {
      const answer = await browser.request(address);
      await answer.arrayBuffer();
      return answer.status;
    });
    expect(statuses.filter((status) => status === 303)).toHaveLength(1);
    expect(statuses.filter((status) => status === 400)).toHaveLength(19);
    expect(await people('once')).toBe(1);
  });

  it('whoever comes for the first time, in eight browsers at once, has one account, and all of them are signed in', async () => {
    const browsers = Array.from({ length: 8 }, () => new Browser());
    const addresses = await Promise.all(browsers.map((browser) => shown(browser, 'first')));
    const pages = await crowd(8, (index) => (browsers[index] as Browser).open(addresses[index] ?? ''));
    expect(pages.map(({ url }) => url.includes('code='))).toEqual(pages.map(() => true));
    expect(await people('first')).toBe(1);
  });
});
