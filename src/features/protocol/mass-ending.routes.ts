import { endpoint } from '../../platform/endpoint.js';
import type { ClientService } from '../clients/client.service.js';
import type { MassEnding } from './mass-ending.js';
import { EndSessionsOfAll, MassEndingView } from './mass-ending.schema.js';

export const massEndingRoutes = (ending: MassEnding, clients: Pick<ClientService, 'find'>) => [
  endpoint({
    method: 'post',
    path: '/session-endings',
    // Whoever helps people one by one signs nobody else out.
    scope: { allOf: ['sessions:write', 'users:write'] },
    summary:
      'End the sessions of everybody, or in which one application was signed in to, but the one that this is asked in',
    description:
      'They end in the background, within moments; each is recorded, and applications are told as of any other.',
    body: EndSessionsOfAll,
    status: 202,
    response: MassEndingView,
    async handle({ body }) {
      if (body.client_id !== undefined) await clients.find(body.client_id);
      const { before, kept } = await ending.request(body);
      return { before, kept_session_id: kept };
    },
  }),
];
