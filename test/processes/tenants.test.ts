import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withContext } from '../../src/platform/context.js';
import { cookiesOf, type Pair, redeemForm, refreshForm, send, silently, startPair } from '../support/pair.js';
import { makeClient, makePerson, type Party, tokensFor } from '../support/party.js';

describe('what one issuer has issued is nothing at another (RFC 9700 §4.4)', () => {
  let house: Pair;
  /** Has the same client_id and secret at both: only the tenant tells the two apart. */
  let here: Party;

  beforeAll(async () => {
    house = await startPair();
    here = await makeClient(house.server, { consent_policy: 'implicit' });
    const tenant = await house.services.tenants.create({ slug: 'elsewhere', name: 'Elsewhere' });
    await withContext({ tenantId: tenant.id, actor: { type: 'system', id: 'test' } }, () =>
      house.services.clients.create(
        {
          redirect_uris: [here.redirectUri],
          grant_types: ['authorization_code', 'refresh_token'],
          consent_policy: 'implicit',
        },
        { clientId: here.clientId, secret: here.clientSecret },
      ),
    );
  }, 180_000);
  afterAll(() => house?.close());

  it('neither tokens nor codes nor sessions, at either process', async () => {
    const { email } = await makePerson(house.server);
    const { browser, access_token, refresh_token } = await tokensFor(house.server, here, email);
    const { code, proof } = await silently(house, 0, here, cookiesOf(browser));
    for (const process of [0, 1]) {
      const ask = (path: string, form: Record<string, string>) =>
        send(house, process, `/t/elsewhere${path}`, here, form);
      for (const token of [access_token, refresh_token])
        expect((await ask('/introspect', { token: String(token) })).body).toEqual({ active: false });
      expect((await ask('/token', refreshForm(String(refresh_token)))).body.error).toBe('invalid_grant');
      expect((await ask('/token', redeemForm(here, String(code), proof))).body.error).toBe('invalid_grant');
      const headers = { authorization: `Bearer ${access_token}` };
      expect((await house.ask(process, '/t/elsewhere/userinfo', { headers })).status).toBe(401);
    }
    // And nothing of it was burnt there.
    expect((await send(house, 0, '/token', here, redeemForm(here, String(code), proof))).status).toBe(200);
    expect((await send(house, 1, '/token', here, refreshForm(String(refresh_token)))).status).toBe(200);
  });
});
