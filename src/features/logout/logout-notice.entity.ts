import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** One relying party has to be told of one sign-in that ended. Ids only: the token is made anew for each attempt. */
@Entity('logout_notices')
export class LogoutNotice extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') clientId!: string;
  @Column('text') sessionUid!: string;
  /** What the client knows the session by. */
  @Column('text') sid!: string;
  @Column('uuid') accountId!: string;
  @Column('text', { default: 'queued' }) status: 'queued' | 'delivered' | 'failed' = 'queued';
  @Column('integer', { default: 0 }) attempts = 0;
  @Column('text', { nullable: true }) lastError: string | null = null;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz', { nullable: true }) deliveredAt: Date | null = null;
}
