import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { notFound } from '../../platform/errors.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { MemberParams } from './membership.schema.js';
import { countSpans, listHistory } from './membership-history.queries.js';
import {
  HistoryQuery,
  MembershipEventView,
  presentEvent,
  presentSpans,
  StatisticsQuery,
  StatisticsView,
} from './membership-history.schema.js';
import { OrganizationParams } from './organization.schema.js';
import type { OrganizationService } from './organization.service.js';

export const membershipHistoryRoutes = (db: Database, organizations: OrganizationService) => [
  endpoint({
    method: 'get',
    path: '/organizations/:organization/history',
    scope: 'organizations:read',
    member: 'admin',
    summary: 'List what became of the members of an organization, newest first',
    params: OrganizationParams,
    query: HistoryQuery,
    response: pageOf(MembershipEventView),
    async handle({ params, query }) {
      const { id } = await organizations.find(params.organization);
      return mapPage(await db.reading(() => listHistory(db, id, query)), presentEvent);
    },
  }),
  endpoint({
    method: 'get',
    path: '/organizations/:organization/members/:user_id/history',
    scope: 'organizations:read',
    member: 'admin',
    summary: 'List what became of one member, who need not be one any more',
    params: MemberParams,
    query: HistoryQuery,
    response: pageOf(MembershipEventView),
    async handle({ params, query }) {
      const { id } = await organizations.find(params.organization);
      const page = await db.reading(() => listHistory(db, id, query, params.user_id));
      if (page.items.length === 0 && !query.kind && !query.cursor) throw notFound('member');
      return mapPage(page, presentEvent);
    },
  }),
  endpoint({
    method: 'get',
    path: '/organizations/:organization/statistics',
    scope: 'organizations:read',
    member: 'admin',
    summary: 'Count who came and who went, day by day, week by week or month by month',
    description: 'From the history alone: the same question always has the same answer.',
    params: OrganizationParams,
    query: StatisticsQuery,
    response: StatisticsView,
    async handle({ params, query }) {
      const { id } = await organizations.find(params.organization);
      return presentSpans(await db.reading(() => countSpans(db, id, query)));
    },
  }),
];
