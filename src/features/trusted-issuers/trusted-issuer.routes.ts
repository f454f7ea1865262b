import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import type { ExternalSubjects } from './external-subjects.js';
import { listSubjects, listTrustedIssuers } from './trusted-issuer.queries.js';
import {
  CreateTrustedIssuer,
  ExternalSubjectView,
  LinkSubject,
  present,
  presentSubject,
  SubjectParams,
  TrustedIssuerParams,
  TrustedIssuerQuery,
  TrustedIssuerView,
  UpdateTrustedIssuer,
} from './trusted-issuer.schema.js';
import type { TrustedIssuers } from './trusted-issuers.js';

export const trustedIssuerRoutes = (db: Database, issuers: TrustedIssuers, subjects: ExternalSubjects) => [
  endpoint({
    method: 'get',
    path: '/trusted-issuers',
    scope: 'issuers:read',
    summary: 'List trusted issuers',
    query: TrustedIssuerQuery,
    response: pageOf(TrustedIssuerView),
    handle: async ({ query }) => mapPage(await db.reading(() => listTrustedIssuers(db, query)), present),
  }),
  endpoint({
    method: 'post',
    path: '/trusted-issuers',
    scope: 'issuers:write',
    summary: 'Trust an issuer',
    body: CreateTrustedIssuer,
    status: 201,
    response: TrustedIssuerView,
    handle: async ({ body }) => present(await issuers.create(body)),
  }),
  endpoint({
    method: 'get',
    path: '/trusted-issuers/:issuer_id',
    scope: 'issuers:read',
    summary: 'Read a trusted issuer',
    params: TrustedIssuerParams,
    response: TrustedIssuerView,
    handle: async ({ params }) => present(await issuers.find(params.issuer_id)),
  }),
  endpoint({
    method: 'patch',
    path: '/trusted-issuers/:issuer_id',
    scope: 'issuers:write',
    summary: 'Change a trusted issuer',
    params: TrustedIssuerParams,
    body: UpdateTrustedIssuer,
    response: TrustedIssuerView,
    handle: async ({ params, body, ifMatch }) =>
      present(await issuers.update(await issuers.find(params.issuer_id), body, ifMatch)),
  }),
  endpoint({
    method: 'delete',
    path: '/trusted-issuers/:issuer_id',
    scope: 'issuers:write',
    summary: 'Trust an issuer no more, and forget whom it speaks of',
    params: TrustedIssuerParams,
    async handle({ params, ifMatch }) {
      await issuers.delete(await issuers.find(params.issuer_id), ifMatch);
    },
  }),
  endpoint({
    method: 'put',
    path: '/trusted-issuers/:issuer_id/suspension',
    scope: 'issuers:write',
    summary: 'Disable a trusted issuer: whatever was given on its word ends',
    params: TrustedIssuerParams,
    async handle({ params }) {
      await issuers.disable(await issuers.find(params.issuer_id));
    },
  }),
  endpoint({
    method: 'delete',
    path: '/trusted-issuers/:issuer_id/suspension',
    scope: 'issuers:write',
    summary: 'Enable a trusted issuer again',
    params: TrustedIssuerParams,
    async handle({ params }) {
      await issuers.enable(await issuers.find(params.issuer_id));
    },
  }),
  endpoint({
    method: 'get',
    path: '/trusted-issuers/:issuer_id/subjects',
    scope: 'issuers:read',
    summary: 'List of whom a trusted issuer speaks',
    params: TrustedIssuerParams,
    query: TrustedIssuerQuery,
    response: pageOf(ExternalSubjectView),
    async handle({ params, query }) {
      const { id } = await issuers.find(params.issuer_id);
      return mapPage(await db.reading(() => listSubjects(db, id, query)), presentSubject);
    },
  }),
  endpoint({
    method: 'post',
    path: '/trusted-issuers/:issuer_id/subjects',
    scope: 'issuers:write',
    summary: 'Say who somebody is that a trusted issuer speaks of',
    params: TrustedIssuerParams,
    body: LinkSubject,
    status: 201,
    response: ExternalSubjectView,
    handle: async ({ params, body }) => presentSubject(await subjects.link(await issuers.find(params.issuer_id), body)),
  }),
  endpoint({
    method: 'delete',
    path: '/trusted-issuers/:issuer_id/subjects/:subject_id',
    scope: 'issuers:write',
    summary: 'Forget whom a trusted issuer means: whatever was given on its word about them ends',
    params: SubjectParams,
    async handle({ params }) {
      await subjects.unlink(await subjects.find(params.issuer_id, params.subject_id));
    },
  }),
];
