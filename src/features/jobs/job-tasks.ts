import { z } from 'zod';
import { JOB_KINDS } from './job.entity.js';

export const TURN_TASK = 'jobs.turn';
export const TEND_TASK = 'jobs.tend';

/** The next turn of a tenant's work of one kind, whichever job that is. */
export const Turn = z.strictObject({ kind: z.enum(JOB_KINDS) });

/** One waits, however many ask for it. */
export const turnKey = (tenantId: string, kind: string): string => `jobs:${tenantId}:${kind}`;
