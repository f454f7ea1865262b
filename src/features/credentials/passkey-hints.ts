// What browsers are told and people are asked about passkeys, beside the ceremonies: which ones still open something (WebAuthn §5.1.10, signal
// methods), and whether it is time to ask somebody to add one.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import { Passkey } from './passkey.entity.js';
import { PasskeyUser } from './passkey-user.entity.js';
import { relyingPartyOf } from './relying-party.js';

const askAgainMs = 30 * 24 * 3600 * 1000;

/** As the signal methods take it: base64url. */
export interface PasskeySignal {
  rpId: string;
  userId: string;
  name: string;
  displayName: string;
  allAcceptedCredentialIds: string[];
}

export class PasskeyHints {
  constructor(
    private readonly db: Database,
    private readonly tenants: TenantService,
    private readonly clock: Clock,
  ) {}

  /** @returns undefined for whoever never had a ceremony: no authenticator knows them. */
  async signal({ id: userId, email, claims }: User): Promise<PasskeySignal | undefined> {
    const known = await this.db.repo(PasskeyUser).findOneBy({ userId });
    if (!known) return undefined;
    const { id: rpId } = await relyingPartyOf(this.tenants);
    const accepted = await this.db.repo(Passkey).findBy({ userId });
    return {
      rpId,
      userId: known.userHandle,
      name: email,
      displayName: claims.name ?? email,
      allAcceptedCredentialIds: accepted.map(({ credentialId }) => credentialId),
    };
  }

  /** Whoever has none, and was not asked within thirty days. */
  async isTimeToAsk({ id: userId }: Pick<User, 'id'>): Promise<boolean> {
    const { first_factors, second_factors, passkeys } = (await this.tenants.current()).settings.authentication;
    if (!passkeys.upgrade_prompt) return false;
    if (!first_factors.includes('passkey') && !second_factors.includes('passkey')) return false;
    const known = await this.db.repo(PasskeyUser).findOneBy({ userId });
    if (!known) return true;
    const asked = known.promptedAt?.getTime() ?? 0;
    if (this.clock.now().getTime() - asked < askAgainMs) return false;
    return !(await this.db.repo(Passkey).existsBy({ userId }));
  }

  /** It is asked now: the person has a handle, because the page offers to make one. */
  async asked({ id: userId }: Pick<User, 'id'>): Promise<void> {
    await this.db.repo(PasskeyUser).update({ userId }, { promptedAt: this.clock.now() });
  }
}
