import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listLogoutNotices } from './logout.queries.js';
import { LogoutNoticeParams, LogoutNoticeQuery, LogoutNoticeView, present } from './logout.schema.js';
import type { LogoutNotices } from './logout-notices.js';

export const logoutRoutes = (db: Database, notices: LogoutNotices) => [
  endpoint({
    method: 'get',
    path: '/logout-notices',
    scope: 'sessions:read',
    summary: 'List what relying parties are told of sessions that ended, newest first',
    query: LogoutNoticeQuery,
    response: pageOf(LogoutNoticeView),
    handle: async ({ query }) => mapPage(await db.reading(() => listLogoutNotices(db, query)), present),
  }),
  endpoint({
    method: 'get',
    path: '/logout-notices/:notice_id',
    scope: 'sessions:read',
    summary: 'Read whether a relying party was told of a session that ended',
    params: LogoutNoticeParams,
    response: LogoutNoticeView,
    handle: async ({ params }) => present(await notices.find(params.notice_id)),
  }),
  endpoint({
    method: 'post',
    path: '/logout-notices/:notice_id/retries',
    scope: 'sessions:write',
    summary: 'Tell a relying party again that was given up',
    params: LogoutNoticeParams,
    status: 202,
    response: LogoutNoticeView,
    handle: async ({ params }) => present(await notices.retry(await notices.find(params.notice_id))),
  }),
];
