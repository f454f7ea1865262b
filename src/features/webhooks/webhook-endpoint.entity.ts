import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

export const DISABLED_REASONS = ['administrator', 'failing', 'gone'] as const;
export type DisabledReason = (typeof DISABLED_REASONS)[number];

/** Somebody whom the tenant, or one of its organizations, tells of what happens. */
@Entity('webhook_endpoints')
export class WebhookEndpoint extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  /** Of whose events it is told; of all of the tenant's where it is null. */
  @Column('uuid', { nullable: true }) organizationId: string | null = null;
  @Column('text') url!: string;
  @Column('text', { nullable: true }) description: string | null = null;
  /** Names of events, `noun.*`, or `*`. */
  @Column('text', { array: true }) events!: string[];
  @Column('text') secretSealed!: string;
  /** Signs beside the other one until its time is over. */
  @Column('text', { nullable: true }) previousSecretSealed: string | null = null;
  @Column('timestamptz', { nullable: true }) previousUntil: Date | null = null;
  @Column('timestamptz', { nullable: true }) enabledAt: Date | null = null;
  @Column('text', { nullable: true }) disabledReason: DisabledReason | null = null;
  /** In a row. */
  @Column('integer', { default: 0 }) failures = 0;
  @Column('timestamptz', { nullable: true }) failingSince: Date | null = null;
  /** It is left alone until then. */
  @Column('timestamptz', { nullable: true }) resumeAt: Date | null = null;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
