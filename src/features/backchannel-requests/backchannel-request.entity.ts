import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

export type Decision = 'approved' | 'denied';

/** An application asks a person who is not there (OpenID Connect CIBA §7.1). */
@Entity('backchannel_requests')
export class BackchannelRequest extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  /** Under which the engine's row is found (protocol/handles.ts). */
  @Column('bytea') requestHash!: Buffer;
  @Column('uuid') userId!: string;
  @Column('text') clientId!: string;
  /** Shown on both devices, so that they can be compared. */
  @Column('text', { nullable: true }) bindingMessage: string | null = null;
  @Column('text') scope!: string;
  /** Asked for one by one (OpenID Connect Core §5.5), beside those of the scope. */
  @Column('text', { array: true, default: () => "'{}'" }) claims: string[] = [];
  @Column('text', { nullable: true }) resource: string | null = null;
  /** For which organization they are asked; null: for none. */
  @Column('uuid', { nullable: true }) organizationId: string | null = null;
  @Column('text', { nullable: true }) acrValues: string | null = null;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') expiresAt!: Date;
  @Column('timestamptz', { nullable: true }) decidedAt: Date | null = null;
  @Column('text', { nullable: true }) decision: Decision | null = null;
}
