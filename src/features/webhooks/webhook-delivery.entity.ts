import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

export const DELIVERY_STATUSES = ['queued', 'delivered', 'dead'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** What became of one attempt. */
export interface DeliveryAttempt {
  /** ISO 8601. */
  at: string;
  /** Counts from 1, and again from 1 after a replay. */
  attempt: number;
  /** Of HTTP; null where none came. */
  status: number | null;
  /** Why it failed, in a word; null where it did not. */
  error: string | null;
  duration_ms: number;
  /** Its first kilobyte. */
  answer: string;
}

/** One event that one endpoint has to be told. What it says is read from the record when it is sent: nothing of anybody is kept twice. */
@Entity('webhook_deliveries')
export class WebhookDelivery extends TenantEntity {
  @PrimaryColumn('uuid') endpointId!: string;
  /** Of the audit log; receivers know it as webhook-id. */
  @PrimaryColumn('uuid') eventId!: string;
  @Column('text') eventName!: string;
  @Column('text', { default: 'queued' }) status: DeliveryStatus = 'queued';
  /** Begun, since it was queued. */
  @Column('integer', { default: 0 }) attempts = 0;
  /** Of one that waits: when it is tried; while it is tried: when somebody else does, should whoever tries be gone. */
  @Column('timestamptz') nextAt!: Date;
  /** The last of them, oldest first. */
  @Column('jsonb', { default: [] }) log: DeliveryAttempt[] = [];
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz', { nullable: true }) doneAt: Date | null = null;
}
