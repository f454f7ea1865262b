import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

export const JOB_KINDS = ['audit_export', 'users_bulk'] as const;
export type JobKindName = (typeof JOB_KINDS)[number];

export const JOB_STATUSES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Why one came to nothing. */
export const JOB_ERRORS = ['permission_lost', 'result_too_large', 'internal_error'] as const;
export type JobError = (typeof JOB_ERRORS)[number];

/** Long work that somebody asked for. Batch by batch; each batch and how far it came are one transaction. */
@Entity('jobs')
export class Job extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') kind!: JobKindName;
  @Column('text') status: JobStatus = 'queued';
  /** What was asked for, without what is secret or long: that is in chunks. */
  @Column('jsonb') params!: object;
  @Column('text') actorType!: 'user' | 'client' | 'api_key';
  @Column('text') actorId!: string;
  /** What they had when they asked: never more than that, and less where they have less now. */
  @Column('text', { array: true }) actorScopes!: string[];
  /** By which key they asked, where it was one. */
  @Column('uuid', { nullable: true }) apiKeyId: string | null = null;
  @Column('integer', { default: 0 }) done = 0;
  /** null where nobody has counted, or there are too many to. */
  @Column('integer', { nullable: true }) total: number | null = null;
  @Column('jsonb', { default: {} }) counts: Record<string, number> = {};
  /** Where the next batch begins; the kind knows what it says. */
  @Column('jsonb', { nullable: true }) cursor: object | null = null;
  @Column('text', { nullable: true }) error: JobError | null = null;
  /** Of whoever does it at the moment; a batch counts only while it is still theirs. */
  @Column('uuid', { nullable: true }) turn: string | null = null;
  /** When somebody else may take it: whoever had it is done with their turn then, or dead. */
  @Column('timestamptz') dueAt!: Date;
  /** Turns since the last batch that came to its end. */
  @Column('integer', { default: 0 }) fruitless = 0;
  /** Of the result. */
  @Column('integer', { default: 0 }) chunks = 0;
  @Column('integer', { default: 0 }) bytes = 0;
  /** Counts what can be seen of it from outside. */
  @Column('integer', { default: 1 }) revision = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz', { nullable: true }) startedAt: Date | null = null;
  @Column('timestamptz') updatedAt!: Date;
  @Column('timestamptz', { nullable: true }) endedAt: Date | null = null;
  /** When it goes, with its result. */
  @Column('timestamptz', { nullable: true }) expiresAt: Date | null = null;

  get hasEnded(): boolean {
    return this.endedAt !== null;
  }
}
