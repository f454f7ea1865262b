import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** What somebody has in an organization because the connection said so: it alone is taken away again. */
export interface Given {
  /** They have been a member since it speaks of them: who is taken out then does not come back by it. */
  member?: boolean;
  /** That it is suspended. */
  suspended?: boolean;
  /** That they are an admin. */
  admin?: boolean;
  roles?: string[];
  teams?: string[];
}

/** A person of ours, as an identity provider calls them. */
@Entity('identities')
export class Identity extends TenantEntity {
  @PrimaryColumn('uuid') connectionId!: string;
  /** Compared exactly. */
  @PrimaryColumn('text') subject!: string;
  @Column('uuid') id!: string;
  @Column('uuid') userId!: string;
  /** The account was made for it. */
  @Column('boolean', { default: false }) madeAccount = false;
  /** It is theirs because its organization speaks for the domain of their address: nobody has proved anything for it. */
  @Column('boolean', { default: false }) byDomain = false;
  @Column('jsonb', { default: {} }) given: Given = {};
  @Column('text', { nullable: true }) tokensSealed: string | null = null;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz', { nullable: true }) lastUsedAt: Date | null = null;
}
