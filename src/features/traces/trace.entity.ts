import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** What the engine had established before it refused, and what it refused for; names only, no values. */
export interface TraceStep {
  step: string;
  outcome: 'passed' | 'failed';
  detail?: string;
}

/** `refusal`: a request of a client; `sign_in`: one at an identity provider, whatever became of it. */
export const TRACE_KINDS = ['refusal', 'sign_in'] as const;
export type TraceKind = (typeof TRACE_KINDS)[number];

/** `pending`: believed, and nobody has come in by it yet. */
export const TRACE_OUTCOMES = ['refused', 'pending', 'succeeded'] as const;
export type TraceOutcome = (typeof TRACE_OUTCOMES)[number];

/** One request that was refused, or one sign-in at an identity provider. Goes by itself: after a month, or when the tenant says. */
@Entity('traces')
export class Trace extends TenantEntity {
  @PrimaryColumn('text') id!: string;
  @Column('text', { nullable: true }) clientId: string | null = null;
  @Column('text') endpoint!: string;
  /** Empty where nothing was refused. */
  @Column('text') error!: string;
  @Column('text', { nullable: true }) description: string | null = null;
  @Column('jsonb') steps!: TraceStep[];
  @Column('text', { nullable: true }) findingsSealed: string | null = null;
  @Column('text', { default: 'refusal' }) kind: TraceKind = 'refusal';
  @Column('text', { default: 'refused' }) outcome: TraceOutcome = 'refused';
  @Column('uuid', { nullable: true }) connectionId: string | null = null;
  @Column('uuid', { nullable: true }) userId: string | null = null;
  @Column('text', { nullable: true }) recordingSealed: string | null = null;
  @Column('timestamptz', { nullable: true }) expiresAt: Date | null = null;
  @Column('text', { nullable: true }) requestId: string | null = null;
  @Column('timestamptz') occurredAt!: Date;
}
