import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** What the engine had established before it refused, and what it refused for; names only, no values. */
export interface TraceStep {
  step: string;
  outcome: 'passed' | 'failed';
  detail?: string;
}

/** One request that was refused. Goes by itself after a month. */
@Entity('traces')
export class Trace extends TenantEntity {
  @PrimaryColumn('text') id!: string;
  @Column('text', { nullable: true }) clientId: string | null = null;
  @Column('text') endpoint!: string;
  @Column('text') error!: string;
  @Column('text', { nullable: true }) description: string | null = null;
  @Column('jsonb') steps!: TraceStep[];
  @Column('text', { nullable: true }) findingsSealed: string | null = null;
  @Column('text', { nullable: true }) requestId: string | null = null;
  @Column('timestamptz') occurredAt!: Date;
}
