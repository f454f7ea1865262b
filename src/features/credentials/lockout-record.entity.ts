import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** One lock, from its beginning to its end. */
@Entity('lockouts')
export class LockoutRecord extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') subjectHash!: string;
  @Column('uuid', { nullable: true }) userId: string | null = null;
  @Column('text') factor!: string;
  /** The reason of the last failure. */
  @Column('text') cause!: string;
  /** Where the last try came from. */
  @Column('text', { nullable: true }) ip: string | null = null;
  @Column('timestamptz') lockedAt!: Date;
  @Column('timestamptz') lockedUntil!: Date;
  /** Set where it was ended before its time. */
  @Column('timestamptz', { nullable: true }) unlockedAt: Date | null = null;
  /** Who ended it: `user:…`, `client:…`, or the person themselves by a new password (`owner`). */
  @Column('text', { nullable: true }) unlockedBy: string | null = null;
}
