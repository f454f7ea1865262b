import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('audit_events')
export class AuditEvent extends TenantEntity {
  /** UUIDv7: the order of the ids is the order of the events. */
  @PrimaryColumn('uuid') id!: string;
  @Column('text') name!: string;
  @Column('jsonb') data!: Record<string, unknown>;
  /** Null where nobody has proved who they are, as in a failed sign-in. */
  @Column('text', { nullable: true }) actorType: 'user' | 'client' | 'system' | 'api_key' | null = null;
  @Column('text', { nullable: true }) actorId: string | null = null;
  @Column('text', { nullable: true }) ip: string | null = null;
  @Column('text', { nullable: true }) userAgent: string | null = null;
  @Column('text', { nullable: true }) requestId: string | null = null;
  @Column('timestamptz') occurredAt!: Date;
}
