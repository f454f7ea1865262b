import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type House, openHouse, openStage, type Stage, secondsUntil, timed, token } from '../prove/faults/stage.js';
import { Browser } from '../support/browser.js';
import { hasRedis, postgresBinaries } from '../support/own-servers.js';
import { authorizationUrl, codeOf, makePerson, password, pkce, refresh, signIn, tokensFor } from '../support/party.js';

// The short form of `npm run prove -- faults`. It breaks servers, so it starts its own.
const here = postgresBinaries && hasRedis ? describe : describe.skip;

here('what the server stands on breaks (own PostgreSQL and Redis: needs their binaries)', () => {
  let stage: Stage;
  let house: House;

  beforeAll(async () => {
    stage = await openStage();
    house = await openHouse(stage);
  }, 180_000);
  afterAll(async () => {
    stage?.postgres.resume();
    await house?.close();
    await stage?.close();
  });

  const published = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks'];
  const readiness = async () => (await house.ask(0, '/readyz')).status;

  it.each([
    ['refuses', async () => stage.postgres.kill(), async () => stage.postgres.start()],
    ['hangs', async () => stage.postgres.pause(), async () => stage.postgres.resume()],
  ])(
    'a database that %s: metadata and keys are told (RFC 8414 §3, RFC 7517), everything else is 503 with Retry-After (RFC 9110 §10.2.3), and it comes back without restart',
    async (_how, away, back) => {
      for (const path of published) expect((await house.ask(0, path)).status).toBe(200);
      await away();
      expect(await secondsUntil('readiness is off', async () => (await readiness()) === 503, 10)).toBeLessThanOrEqual(
        5,
      );
      const refused = await timed(() => house.ask(0, '/userinfo', { headers: { authorization: 'Bearer nobody' } }));
      expect([refused.status, refused.retryAfter]).toEqual([503, expect.stringMatching(/^\d+$/)]);
      for (const path of published) expect([path, (await house.ask(0, path)).status]).toEqual([path, 200]);
      expect((await house.ask(0, '/healthz')).status).toBe(200);
      await back();
      await secondsUntil('it is ready', async () => (await readiness()) === 200, 10);
      expect((await token(house)).status).toBe(200);
      expect(house.members[0]?.child.exitCode).toBeNull();
    },
    60_000,
  );

  it('without Redis a sign-in begins and ends, one that was open begins again, and nothing else is lost', async () => {
    const { email } = await makePerson(house.server);
    const held = await tokensFor(house.server, house.party, email, {
      scope: 'openid offline_access',
      prompt: 'consent',
    });
    const url = () => authorizationUrl(house.server, house.party, pkce());
    const open = new Browser();
    const page = await open.submit(await open.open(url()), { username: email });

    await stage.redis.kill();
    await secondsUntil(
      'it is noticed',
      async () => (await (await house.ask(0, '/readyz')).text()).includes('unreachable'),
      10,
    );
    const refused = await open.submit(page, { username: email, password });
    expect([refused.status, refused.html.includes('name="password"')]).toEqual([400, false]);
    expect(codeOf(await signIn(open, url(), email))).not.toBe('');
    expect((await refresh(house.server, house.party, String(held.refresh_token))).status).toBe(200);

    const begun = new Browser();
    const later = await begun.submit(await begun.open(url()), { username: email });
    await stage.redis.start();
    await secondsUntil(
      'it is back',
      async () => !(await (await house.ask(0, '/readyz')).text()).includes('unreachable'),
      10,
    );
    expect(codeOf(await begun.submit(later, { username: email, password }))).not.toBe('');
  }, 180_000);
});
