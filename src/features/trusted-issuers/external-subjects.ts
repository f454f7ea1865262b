// Owns who is who: as whom a trusted issuer speaks of a person of ours. Nobody is found by an e-mail address, which the issuer need not have proved.
import type { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Grants } from '../protocol/grants.js';
import { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { ExternalSubject } from './external-subject.entity.js';
import { TrustedIssuer } from './trusted-issuer.entity.js';
import type { LinkSubject } from './trusted-issuer.schema.js';

export class ExternalSubjects {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly grants: Pick<Grants, 'endOnIssuer'>,
    private readonly users: Pick<UserService, 'assertMayChange'>,
  ) {}

  async findUser(issuerId: string, subject: string): Promise<string | undefined> {
    return (await this.db.repo(ExternalSubject).findOneBy({ issuerId, subject }))?.userId;
  }

  async find(issuerId: string, id: string): Promise<ExternalSubject> {
    const subject = await this.db.repo(ExternalSubject).findOneBy({ issuerId, id });
    if (!subject) throw notFound('subject');
    return subject;
  }

  /**
   * Whoever holds a key of the issuer speaks for the person from then on, which is as good as a password link.
   * @throws AppError 404 for a person who is not there, 403 for one with a role where whoever asks may not give roles; QueryFailedError on a subject
   * that is somebody already, answered as 409.
   */
  async link({ id: issuerId }: TrustedIssuer, { subject, user_id }: LinkSubject): Promise<ExternalSubject> {
    return this.db.transaction(async () => {
      // Whoever gives them a role waits, or was first.
      const person = this.db.repo(User).query('u').andWhere('u.id = :user_id', { user_id });
      const user = await person.setLock('pessimistic_read').getOne();
      if (!user) throw notFound('user');
      this.users.assertMayChange(user);
      const link = await this.db.repo(ExternalSubject).insert(
        Object.assign(new ExternalSubject(), {
          id: newId(),
          issuerId,
          subject,
          userId: user_id,
          createdAt: this.clock.now(),
        }),
      );
      await this.audit.record('external_subject.linked', { issuer_id: issuerId, user_id, subject_id: link.id });
      return link;
    });
  }

  /** Of all issuers, in the transaction in which the person, who is held, gets a role: none of them speaks for people with roles unasked. */
  async unlinkAll(userId: string): Promise<void> {
    const links = await this.db.repo(ExternalSubject).find({ where: { userId } });
    for (const { id, issuerId } of links) {
      if ((await this.db.repo(ExternalSubject).delete({ id })) === 0) continue;
      await this.grants.endOnIssuer(issuerId, userId);
      await this.audit.record('external_subject.unlinked', { issuer_id: issuerId, user_id: userId, subject_id: id });
    }
  }

  /** What was given on the word of the issuer about this person ends. */
  unlink({ id, issuerId, userId }: ExternalSubject): Promise<void> {
    return this.db.transaction(async () => {
      // Whoever gives something on its word holds the issuer too, or waits.
      const issuer = this.db.repo(TrustedIssuer).query('i').andWhere('i.id = :issuerId', { issuerId });
      await issuer.setLock('pessimistic_write').getOne();
      if ((await this.db.repo(ExternalSubject).delete({ id })) === 0) throw notFound('subject');
      await this.grants.endOnIssuer(issuerId, userId);
      await this.audit.record('external_subject.unlinked', { issuer_id: issuerId, user_id: userId, subject_id: id });
    });
  }
}
