import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** Somebody has lost their second factors: from when these may be taken away, and since when they are. */
@Entity('factor_recoveries')
export class FactorRecovery extends TenantEntity {
  @PrimaryColumn('uuid') userId!: string;
  @Column('timestamptz') requestedAt!: Date;
  @Column('timestamptz') readyAt!: Date;
  @Column('timestamptz', { nullable: true }) doneAt: Date | null = null;
}
