import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('devices')
export class Device extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') userId!: string;
  /** Of the value in the browser's cookie, made for this account alone. */
  @Column('text') handleHash!: string;
  @Column('text', { nullable: true }) ip: string | null = null;
  @Column('text', { nullable: true }) userAgent: string | null = null;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') lastSeenAt!: Date;
  /** Until then no second factor is asked for here, unless a client asks for one. */
  @Column('timestamptz', { nullable: true }) trustedUntil: Date | null = null;
}
