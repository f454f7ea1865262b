import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generate } from 'otplib';
import { ADMIN } from '../../src/features/users/user.entity.js';
import { withContext } from '../../src/platform/context.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('guesses at a second factor (NIST SP 800-63B-4 §3.2.2)', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());

  const enrolled = async (roles: string[]) => {
    const { id } = await makePerson(server);
    return server.inside(async ({ totp, users }) => {
      if (roles.length > 0) await users.setRoles(await users.find(id), roles);
      const user = await users.find(id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await generate({ secret: offer.secret }));
      return user;
    });
  };

  it.each([
    ['anybody', [], 5, 10_000],
    ['an administrator', [ADMIN], 3, 1_000],
  ])(
    'of %s: of thousands from as many addresses at once few are looked at',
    async (_name, roles, tries, total) => {
      const user = await enrolled(roles);
      const begunAt = Date.now();
      const tally = new Map<string, number>();
      for (let begun = 0; begun < total; begun += 100)
        await Promise.all(
          Array.from({ length: 100 }, (_, i) => {
            const n = begun + i;
            const work = () => server.inside(({ secondFactors }) => secondFactors.verify(user, 'totp', 'not one'));
            return withContext({ ip: `10.0.${n % 250}.${n % 199}`, requestId: `r${n}` }, async () => {
              const { outcome } = await work();
              tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
            });
          }),
        );
      expect(Object.fromEntries(tally)).toEqual({ failed: tries, locked: total - tries });
      // The password has a count of its own.
      expect(await server.inside(({ passwords }) => passwords.failures(user.email))).toMatchObject({ failed_count: 0 });
      const until = (await server.inside(({ secondFactors }) => secondFactors.failures(user))).locked_until;
      expect(Math.round((Number(until) - begunAt) / 60_000)).toBe(5);
    },
    180_000,
  );
});
