import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

export const KINDS = [
  'joined',
  'changed',
  'suspended',
  'resumed',
  'left',
  'removed',
  'team_joined',
  'team_left',
] as const;
export type MembershipEventKind = (typeof KINDS)[number];

/** One change of a membership, told for good: statistics are counted from these. */
@Entity('membership_events')
export class MembershipEvent extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') organizationId!: string;
  @Column('uuid') userId!: string;
  @Column('text') kind!: MembershipEventKind;
  @Column('jsonb', { default: {} }) data: Record<string, unknown> = {};
  @Column('text', { nullable: true }) actorType: string | null = null;
  @Column('text', { nullable: true }) actorId: string | null = null;
  @Column('timestamptz') occurredAt!: Date;
}
