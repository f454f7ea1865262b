import { z } from 'zod';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { KeyQuery, pageOfKeys, present, RotateKeys, SigningKeyView } from './key.schema.js';
import type { KeyService } from './key.service.js';

export const keyRoutes = (keys: KeyService) => [
  endpoint({
    method: 'get',
    path: '/signing-keys',
    scope: 'keys:read',
    summary: 'List signing keys, newest first',
    query: KeyQuery,
    response: pageOf(SigningKeyView),
    handle: async ({ query }) => mapPage(pageOfKeys(await keys.list(), query), present),
  }),
  endpoint({
    method: 'post',
    path: '/signing-keys/rotate',
    scope: 'keys:write',
    summary: 'Sign with the next keys from now on',
    description:
      'What was signed before stays good. Refused with 409 while a next key is younger than what verifiers may remember of the key set.',
    body: RotateKeys,
    response: z.object({ items: z.array(SigningKeyView) }),
    async handle({ body: { compromised, ...which } }) {
      const after = await (compromised ? keys.compromised(compromised) : keys.rotate(which));
      return { items: after.map(present) };
    },
  }),
];
