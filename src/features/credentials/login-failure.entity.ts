import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('login_failures')
export class LoginFailure extends TenantEntity {
  /** HMAC of the normalised identifier, whether or not it is somebody's. */
  @PrimaryColumn('text') subjectHash!: string;
  @PrimaryColumn('text') factor!: string;
  @Column('integer') failedCount!: number;
  @Column('timestamptz', { nullable: true }) lockedUntil: Date | null = null;
  @Column('integer', { default: 0 }) lockoutCount = 0;
  @Column('timestamptz') lastFailedAt!: Date;
  /** Since the last success, however long ago; counted where a limit holds. */
  @Column('integer', { default: 0 }) inARow = 0;
  /** When a proof of the mailbox last ended what waiting does not end. */
  @Column('timestamptz', { nullable: true }) reopenedAt: Date | null = null;
}
