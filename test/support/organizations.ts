// Organizations and their members, made without HTTP: what is tested is what tokens they give.
import { randomBytes } from 'node:crypto';
import type { TestServer } from './server.js';

export interface TestOrganization {
  id: string;
  slug: string;
  name: string;
}

export const makeOrganization = (
  server: TestServer,
  {
    policy = {},
    members = [],
    name = 'Acme Trading',
  }: { policy?: object; members?: { id: string }[]; name?: string } = {},
): Promise<TestOrganization> =>
  server.inside(async ({ organizations, memberships }) => {
    const slug = `o-${randomBytes(5).toString('hex')}`;
    const organization = await organizations.create({ slug, name, settings: { policy } } as never);
    for (const { id } of members) await memberships.add(organization, { user_id: id } as never, { kind: 'added' });
    return { id: organization.id, slug, name };
  });

export const changePolicy = (server: TestServer, { id }: TestOrganization, policy: object): Promise<unknown> =>
  server.inside(async ({ organizations }) =>
    organizations.update(await organizations.find(id), { settings: { policy } } as never),
  );
