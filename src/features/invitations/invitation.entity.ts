import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { InvitationState } from './invitation-states.js';

/** Somebody is asked into an organization, by their address. */
@Entity('organization_invitations')
export class Invitation extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') organizationId!: string;
  @Column('text') email!: string;
  /** normalizeIdentifier(email): whose account has it may accept. */
  @Column('text') emailNormalized!: string;
  @Column('text') role!: 'owner' | 'admin' | 'member';
  @Column('uuid', { array: true, default: () => "'{}'" }) roleIds: string[] = [];
  @Column('text', { array: true, default: () => "'{}'" }) permissions: string[] = [];
  @Column('uuid', { array: true, default: () => "'{}'" }) teamIds: string[] = [];
  @Column('uuid', { nullable: true }) templateId: string | null = null;
  /** As it was when the invitation was made. */
  @Column('text', { nullable: true }) message: string | null = null;
  /** BCP 47, of the letter. */
  @Column('text', { nullable: true }) locale: string | null = null;
  @Column('text', { default: 'pending' }) state: InvitationState = 'pending';
  /** The person who asked; null where it was a client, or they have no account any more. */
  @Column('uuid', { nullable: true }) invitedBy: string | null = null;
  @Column('timestamptz') sentAt!: Date;
  @Column('integer', { default: 1 }) sends = 1;
  @Column('timestamptz') expiresAt!: Date;
  @Column('timestamptz', { nullable: true }) decidedAt: Date | null = null;
  @Column('uuid', { nullable: true }) acceptedBy: string | null = null;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
