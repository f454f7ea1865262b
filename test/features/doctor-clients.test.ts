import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { clientsCheck } from '../../src/commands/doctor-clients.js';
import { withContext } from '../../src/platform/context.js';
import { openHouse } from './house.js';

let house: Awaited<ReturnType<typeof openHouse>>;
beforeAll(async () => {
  house = await openHouse('embedded');
}, 180_000);
afterAll(() => house.close());

it('ostiary doctor names the tenants whose clients have the profile compatibility, until they are disabled', async () => {
  expect(await clientsCheck(house)).toMatchObject({ name: 'clients', status: 'ok' });
  const client = await withContext({ tenantId: house.tenant.id }, async () => {
    await house.clients.create({ redirect_uris: ['https://rp.example/cb'], profile: 'fapi2', ...keys } as never);
    const made = await house.clients.create({
      redirect_uris: ['https://rp.example/cb'],
      profile: 'compatibility',
    } as never);
    return made.client;
  });
  expect(await clientsCheck(house)).toMatchObject({
    status: 'warn',
    detail: `with the profile compatibility: 1 of ${house.tenant.slug}`,
  });
  await withContext({ tenantId: house.tenant.id }, () => house.clients.disable(client));
  expect(await clientsCheck(house)).toMatchObject({ status: 'ok' });
});

const keys = {
  token_endpoint_auth_method: 'private_key_jwt',
  jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] },
};
