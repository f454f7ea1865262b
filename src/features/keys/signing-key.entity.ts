import type { JWK } from 'jose';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { keyAlgorithms, signingKeyLife } from '../../../config/protocol.js';
import { TenantEntity } from '../../platform/tenant-entity.js';

export type KeyAlg = (typeof keyAlgorithms)['signing' | 'encryption'][number];

/** RFC 7517 §4.2: what others do with the public half. Both kinds live alike. */
export const useOf = (alg: KeyAlg): 'sig' | 'enc' =>
  (keyAlgorithms.encryption as readonly string[]).includes(alg) ? 'enc' : 'sig';

/** next: published, does not sign yet · current: signs · previous: published, no longer signs · retired: no longer published. */
export type KeyStatus = 'next' | 'current' | 'previous' | 'retired';

@Entity('signing_keys')
export class SigningKey extends TenantEntity {
  /** The JWK thumbprint (RFC 7638). */
  @PrimaryColumn('text') kid!: string;
  @Column('text') alg!: KeyAlg;
  @Column('text') status!: KeyStatus;
  @Column('jsonb') publicJwk!: JWK;
  /** Gone once the key is retired. */
  @Column('text', { nullable: true }) privateJwkSealed: string | null = null;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') statusSince!: Date;
  /** Somebody else may have it: whatever it signed is worth nothing. */
  @Column('timestamptz', { nullable: true }) compromisedAt: Date | null = null;

  /** When a key that is next may sign: verifiers have forgotten the key sets without it by then. */
  get readyAt(): Date {
    return later(this.statusSince, signingKeyLife.publishedBefore);
  }

  isDue(rotationDays: number, now: Date): boolean {
    return rotationDays > 0 && later(this.statusSince, rotationDays * DAY) <= now;
  }

  /** Nothing that it signed can be alive. */
  isSpent(now: Date): boolean {
    return this.status === 'previous' && later(this.statusSince, signingKeyLife.publishedAfter) <= now;
  }

  /** Published no longer, yet an application may still hold an ID token of it, and sign out with that. */
  isBelieved(now: Date): boolean {
    return this.status === 'retired' && !this.compromisedAt && !this.isForgotten(now);
  }

  isForgotten(now: Date): boolean {
    return this.status === 'retired' && later(this.statusSince, signingKeyLife.believedAfter) <= now;
  }
}

const DAY = 24 * 3600;
const later = (date: Date, seconds: number) => new Date(date.getTime() + seconds * 1000);
