import type { Database } from '../../platform/database.js';
import { type EndpointRequest, endpoint } from '../../platform/endpoint.js';
import type { StreamEvent } from '../../platform/event-streams.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { exportFormats } from '../audit-proof/export-formats.js';
import { Job } from './job.entity.js';
import { listJobs } from './job.queries.js';
import { JobParams, JobQuery, JobView, present, StartJob } from './job.schema.js';
import type { JobService } from './job.service.js';
import { watchJob } from './job-watch.js';

/** Of ten thousand people, each with a name and the hash of a password. */
const bodyBytes = 4 * 1024 * 1024;

export const jobRoutes = (db: Database, jobs: JobService) => {
  const view = (job: Job) => present(job, jobs.file(job));
  return [
    endpoint({
      method: 'get',
      path: '/jobs',
      scope: 'jobs:read',
      summary: 'List long work, newest first; what has ended for a week',
      query: JobQuery,
      response: pageOf(JobView),
      handle: async ({ query }) => mapPage(await db.reading(() => listJobs(db, query)), view),
    }),
    endpoint({
      method: 'post',
      path: '/jobs',
      scope: 'jobs:write',
      summary: 'Have something long done in the background',
      description:
        'Beside jobs:write it takes the scope of what is asked for: when it is asked, while it is done, and by whoever reads the result, cancels it or clears it away. Of a tenant one job of a kind is done at a time.',
      body: StartJob,
      bodyBytes,
      status: 202,
      response: JobView,
      handle: async ({ body }) => view(await jobs.start(body)),
    }),
    endpoint({
      method: 'get',
      path: '/jobs/:job_id',
      scope: 'jobs:read',
      summary: 'Read how far a job is, and what became of it',
      params: JobParams,
      response: JobView,
      handle: async ({ params }) => view(await jobs.find(params.job_id)),
    }),
    endpoint({
      method: 'put',
      path: '/jobs/:job_id/cancellation',
      scope: 'jobs:write',
      summary: 'Cancel a job: what is done stays done, and no further batch begins',
      params: JobParams,
      async handle({ params }) {
        await jobs.cancel(await jobs.find(params.job_id));
      },
    }),
    endpoint({
      method: 'delete',
      path: '/jobs/:job_id',
      scope: 'jobs:write',
      summary: 'Clear a job away that has ended, with its result',
      params: JobParams,
      async handle({ params }) {
        await jobs.remove(await jobs.find(params.job_id));
      },
    }),
    endpoint({
      method: 'get',
      path: '/jobs/:job_id/result',
      scope: 'jobs:read',
      summary: 'Read the file that a job has written',
      description: 'It takes the scope of what was asked for, too. 404 as long as there is none.',
      params: JobParams,
      streams: [...new Set(Object.values(exportFormats).map(({ type }) => type))],
      handle: async ({ params }) => jobs.result(await jobs.find(params.job_id)),
    }),
    endpoint({
      method: 'get',
      path: '/jobs/:job_id/events',
      scope: 'jobs:read',
      summary: 'Listen to how a job goes on, as server-sent events',
      description:
        'Asked for with `Accept: text/event-stream`. It is told as it is, then as `progress` whenever that changes, and once as `ended`, which is the last that is said.',
      params: JobParams,
      stream: true,
      response: JobView,
      async handle({ params: { job_id: id }, listening }) {
        await jobs.find(id);
        return told(async () => (await db.repo(Job).findOneBy({ id })) ?? undefined, view, listening);
      },
    }),
  ];
};

async function* told(
  find: () => Promise<Job | undefined>,
  view: (job: Job) => unknown,
  listening: EndpointRequest<unknown, unknown, unknown>['listening'],
): AsyncGenerator<StreamEvent> {
  if (!listening) return;
  for await (const { id, event, job } of watchJob(find, listening.lastEventId, listening.signal))
    yield { id, event, data: view(job) };
}
