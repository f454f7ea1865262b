// Who an address stands for, whether or not there is somebody: what is asked by way of a mailbox is done by the same statements for both.
// Owns how often a mailbox and a client address may ask for letters.
import { currentContext, currentTenantId } from '../../platform/context.js';
import { clientKey, type Limiter, type RateLimits } from '../../platform/rate-limit.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { normalizeIdentifier } from '../users/identifier.js';
import { nobodySubject } from '../users/subjects.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';

export interface Addressee {
  /** Of tokens: the id of the user, or what no user has. */
  subject: string;
  /** Of the tenant, keys codes. */
  key: string;
  /** Who may come in. */
  user: User | undefined;
  /** Where a letter goes; nowhere where there is nobody. */
  to: string | undefined;
  email: string;
}

export interface MailboxLimits {
  /** Letters to one address. Bounds the guesses of codes as well: each letter gives five. */
  lettersToAddress: { points: number; seconds: number };
  /** Letters that one client address asks for. */
  lettersFromClient: { points: number; seconds: number };
}

const mailboxLimits: MailboxLimits = {
  lettersToAddress: { points: 5, seconds: 3600 },
  lettersFromClient: { points: 30, seconds: 3600 },
};

export class Mailboxes {
  private readonly toAddress: Limiter;
  private readonly fromClient: Limiter;

  constructor(
    private readonly tenants: TenantService,
    private readonly users: UserService,
    rateLimits: RateLimits,
    limits: MailboxLimits = mailboxLimits,
  ) {
    this.toAddress = rateLimits.limiter({ name: 'letters_to', ...limits.lettersToAddress });
    this.fromClient = rateLimits.limiter({ name: 'letters_from', ...limits.lettersFromClient });
  }

  /** Counts before anything is looked up, so that known and unknown addresses are refused alike. @throws AppError 429 */
  async throttle(identifier: string): Promise<void> {
    await this.fromClient.consume(clientKey(currentContext()?.ip));
    await this.toAddress.consume(
      `${currentTenantId()}\0${normalizeIdentifier(identifier) ?? identifier.slice(0, 320)}`,
    );
  }

  /** Without effect. A disabled or closed user is nobody. */
  async addressee(identifier: string): Promise<Addressee> {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    const found = await this.users.findByEmail(identifier);
    const user = found?.active ? found : undefined;
    const email = normalizeIdentifier(identifier) ?? '';
    return { subject: user?.id ?? nobodySubject(identifierKey, email), key: identifierKey, user, to: user?.email, email };
  }

  /** Whose token it is, as long as they may come in and the address it was sent to is theirs. */
  async holder({ subject, data }: { subject: string; data: { email: string } }): Promise<User | undefined> {
    if (subject.startsWith('nobody:')) return undefined;
    const user = await this.users.findActive(subject);
    return user && user.emailNormalized === data.email ? user : undefined;
  }
}
