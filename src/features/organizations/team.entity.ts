import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** A group of members within an organization. */
@Entity('teams')
export class Team extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') organizationId!: string;
  /** What tokens say. */
  @Column('text') slug!: string;
  @Column('text') name!: string;
  @Column('text', { nullable: true }) description: string | null = null;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
