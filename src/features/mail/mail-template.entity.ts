import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** What a tenant says in one of its letters, in one language, in place of the words of the house. */
@Entity('mail_templates')
export class MailTemplate extends TenantEntity {
  @PrimaryColumn('text') name!: string;
  @PrimaryColumn('text') locale!: string;
  @Column('text') subject!: string;
  @Column('text', { nullable: true }) heading: string | null = null;
  @Column('text') text!: string;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
