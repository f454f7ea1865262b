import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** Words for a letter. An invitation takes a copy: what is changed here changes no invitation. */
@Entity('invitation_templates')
export class InvitationTemplate extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') organizationId!: string;
  @Column('text') name!: string;
  @Column('text') message!: string;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
