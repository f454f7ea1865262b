import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listMailMessages } from './mail.queries.js';
import { MailMessageView, MailParams, MailQuery, present } from './mail.schema.js';
import type { MailService } from './mail.service.js';

export const mailRoutes = (db: Database, mail: MailService) => [
  endpoint({
    method: 'get',
    path: '/mail-messages',
    scope: 'mail:read',
    summary: 'List outgoing mail, newest first',
    query: MailQuery,
    response: pageOf(MailMessageView),
    handle: async ({ query }) => mapPage(await db.reading(() => listMailMessages(db, query)), present),
  }),
  endpoint({
    method: 'get',
    path: '/mail-messages/:message_id',
    scope: 'mail:read',
    summary: 'Read how far an outgoing mail has come',
    params: MailParams,
    response: MailMessageView,
    handle: async ({ params }) => present(await mail.find(params.message_id)),
  }),
  endpoint({
    method: 'post',
    path: '/mail-messages/:message_id/retries',
    scope: 'mail:write',
    summary: 'Send mail again that was given up',
    params: MailParams,
    status: 202,
    response: MailMessageView,
    handle: async ({ params }) => present(await mail.retry(await mail.find(params.message_id))),
  }),
];
