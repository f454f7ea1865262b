import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

export type JobPart = 'input' | 'result';

@Entity('job_chunks')
export class JobChunk extends TenantEntity {
  @PrimaryColumn('uuid') jobId!: string;
  @PrimaryColumn('text') part!: JobPart;
  @PrimaryColumn('integer') position!: number;
  /** It tells of people: addresses, and where they were. */
  @Column('text') textSealed!: string;
}
