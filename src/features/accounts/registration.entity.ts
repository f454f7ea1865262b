import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** Somebody made this account and has not proved its address yet: until then it is not sure to be theirs. */
@Entity('registrations')
export class Registration extends TenantEntity {
  @PrimaryColumn('uuid') userId!: string;
  /** Of the interaction in which it was made: who comes back in it is who made it. */
  @Column('text') flowHash!: string;
  @Column('timestamptz') createdAt!: Date;
}
