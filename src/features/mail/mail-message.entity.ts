import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('mail_messages')
export class MailMessage extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') template!: string;
  @Column('text', { default: 'queued' }) status: 'queued' | 'sent' | 'failed' = 'queued';
  /** To whom and with what; gone once it is sent. */
  @Column('text', { nullable: true }) payloadSealed: string | null = null;
  /** Only the mailbox of development keeps what was sent. */
  @Column('text', { nullable: true }) renderedSealed: string | null = null;
  @Column('integer', { default: 0 }) attempts = 0;
  @Column('text', { nullable: true }) lastError: string | null = null;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz', { nullable: true }) sentAt: Date | null = null;
}
