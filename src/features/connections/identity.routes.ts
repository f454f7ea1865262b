import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { UserParams } from '../users/user.schema.js';
import type { UserService } from '../users/user.service.js';
import type { Identities } from './identities.js';
import { identitiesOf, type NamedIdentity } from './identity.queries.js';

const LinkIdentity = z.strictObject({
  connection_id: z.uuid(),
  subject: z
    .string()
    .min(1)
    .max(255)
    .refine((subject) => !/[\p{Cc}\p{Cs}]/u.test(subject), { message: 'must not hold control characters' })
    .meta({
      description: 'Exactly as the identity provider says it: `sub` of the ID token, or the value of the NameID',
    }),
});

const IdentityView = z
  .object({
    id: z.uuid(),
    connection_id: z.uuid(),
    connection_key: z.string(),
    connection_name: z.string(),
    organization_id: z.uuid().nullable(),
    subject: z.string(),
    created_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Identity' });

export const identityRoutes = (db: Database, users: UserService, identities: Identities) => [
  endpoint({
    method: 'get',
    path: '/users/:user_id/identities',
    scope: 'users:read',
    summary: 'List as whom identity providers speak of a user',
    params: UserParams,
    response: z.object({ items: z.array(IdentityView) }),
    async handle({ params }) {
      const user = await users.find(params.user_id);
      return { items: (await db.reading(() => identitiesOf(db, user.id))).map(presentIdentity) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/users/:user_id/identities',
    scope: 'users:write',
    summary: 'Say as whom an identity provider speaks of a user: it signs them in from then on',
    params: UserParams,
    body: LinkIdentity,
    status: 201,
    response: IdentityView,
    async handle({ params, body }) {
      const user = await users.find(params.user_id);
      const { id } = await identities.link(user, body.connection_id, body.subject);
      return presentIdentity(await identities.named(user, id));
    },
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id/identities/:identity_id',
    scope: 'users:write',
    summary: 'Forget as whom an identity provider speaks of a user: sessions that it has begun end',
    params: UserParams.extend({ identity_id: z.uuid() }),
    async handle({ params }) {
      await identities.unlink(await users.find(params.user_id), params.identity_id, 'administrator');
    },
  }),
];

const presentIdentity = (one: NamedIdentity) => ({
  id: one.id,
  connection_id: one.connection_id,
  connection_key: one.connection_key,
  connection_name: one.connection_name,
  organization_id: one.organization_id,
  subject: one.subject,
  created_at: one.created_at.toISOString(),
  last_used_at: one.last_used_at?.toISOString() ?? null,
});
