import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { crowd, type Pair, startPair } from '../support/pair.js';
import { SamlParty } from '../support/saml/house.js';

describe('answers of a SAML identity provider, brought to two processes', () => {
  let house: Pair;
  let party: SamlParty;

  beforeAll(async () => {
    house = await startPair();
    party = await SamlParty.open(house.server, { idp_initiated: true });
  }, 180_000);
  afterAll(() => house?.close());
  beforeEach(async () => {
    party = await party.again();
  });

  const bring = async (index: number, response: string, relayState = ''): Promise<number> => {
    const body = new URLSearchParams({ SAMLResponse: response, RelayState: relayState });
    const answer = await house.ask(index, `/saml/${party.connection.id}/acs`, {
      method: 'POST',
      body,
      redirect: 'manual',
    });
    await answer.arrayBuffer();
    return answer.status;
  };
  const won = (statuses: number[]) => statuses.filter((status) => status === 303).length;

  it('one gets in, of forty that bring one answer at once (SAML Profiles §4.1.4.5)', async () => {
    const { id, relayState } = await party.carried();
    const response = party.response(id);
    const statuses = await crowd(40, (index) => bring(index % 2, response, relayState));
    expect(won(statuses)).toBe(1);
    expect(await party.refusals()).toHaveLength(39);
  });

  it('one assertion is taken once, whether or not anybody asked', async () => {
    const response = party.response(null);
    const statuses = await crowd(40, (index) => bring(index % 2, response));
    expect(won(statuses)).toBe(1);
    const refusals = await party.refusals();
    expect(refusals.map(({ reason }) => reason)).toEqual(Array.from({ length: 39 }, () => 'assertion_once'));
  });

  it('what one process has begun is answered at the other', async () => {
    const { id, relayState } = await party.carried();
    expect(await bring(1, party.response(id), relayState)).toBe(303);
  });

  it('what is changed holds at both with the next answer', async () => {
    const own = await SamlParty.open(house.server);
    // One after the other: a browser has one sign-in at a connection that it has not gone on with.
    const begun = [await own.carried(), await own.carried()];
    await house.server.inside(({ connections }) => connections.disable(null, own.connection));
    const at = async (index: number) => {
      const { id = '', relayState = '' } = begun[index] ?? {};
      const body = new URLSearchParams({ SAMLResponse: own.response(id), RelayState: relayState });
      return (await house.ask(index, `/saml/${own.connection.id}/acs`, { method: 'POST', body, redirect: 'manual' }))
        .status;
    };
    expect([await at(0), await at(1)]).toEqual([400, 400]);
    expect((await own.refusals()).map(({ reason }) => reason)).toEqual(['connection_enabled', 'connection_enabled']);
  });

  it('an assertion that was taken is not taken again after all of them were started anew', async () => {
    const response = party.response(null);
    expect(await bring(0, response)).toBe(303);
    const ended = house.members.map(({ child }) => new Promise((resolve) => child.once('exit', resolve)));
    for (const { child } of house.members) child.kill('SIGKILL');
    await Promise.all(ended);
    await house.spawn();
    const fresh = house.members.length - 1;
    expect(await bring(fresh, response)).toBe(400);
    expect(await party.refusals()).toMatchObject([{ reason: 'assertion_once' }]);
    expect(await bring(fresh, party.response(null))).toBe(303);
  });
});
