// An invitation that is held while something becomes of it. Whoever holds its organization, or a person, holds those first, and the link last.
import type { Database } from '../../platform/database.js';
import { preconditionFailed } from '../../platform/errors.js';
import { Invitation } from './invitation.entity.js';

/** @throws AppError 412 where it is another version. */
export async function lockedInvitation(db: Database, id: string, ifMatch?: number): Promise<Invitation | undefined> {
  const row = db.repo(Invitation).query('i').andWhere('i.id = :id', { id });
  const invitation = await row.setLock('for_no_key_update').getOne();
  if (invitation && ifMatch !== undefined && ifMatch !== invitation.version)
    throw preconditionFailed('The invitation has changed since');
  return invitation ?? undefined;
}
