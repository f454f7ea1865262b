import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('known_networks')
export class KnownNetwork extends TenantEntity {
  @PrimaryColumn('uuid') userId!: string;
  @PrimaryColumn('text') network!: string;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') lastSeenAt!: Date;
}
