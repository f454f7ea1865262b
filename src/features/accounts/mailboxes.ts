// Who an address stands for, whether or not there is somebody: what is asked by way of a mailbox is done by the same statements for both.
// Owns how often a mailbox and a client address may ask for letters.
import { currentContext, currentTenantId } from '../../platform/context.js';
import { networkOf } from '../../platform/network.js';
import { clientKey, type Limiter, type RateLimits } from '../../platform/rate-limit.js';
import type { Devices } from '../devices/device.service.js';
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
  /** Letters to one address that one network asks for: a stranger elsewhere uses nothing of it up. */
  lettersToAddress: { points: number; seconds: number };
  /** Letters to one address, wherever they are asked for, but in a browser that its account knows. */
  lettersToAddressInAll: { points: number; seconds: number };
  /** Letters that one client address asks for. */
  lettersFromClient: { points: number; seconds: number };
}

const mailboxLimits: MailboxLimits = {
  lettersToAddress: { points: 5, seconds: 3600 },
  lettersToAddressInAll: { points: 60, seconds: 3600 },
  lettersFromClient: { points: 30, seconds: 3600 },
};

/** No user has it. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

export class Mailboxes {
  private readonly fromClient: Limiter;
  private readonly toAddress: Limiter;
  private readonly toAddressInAll: Limiter;
  private readonly toKnown: Limiter;
  private readonly toKnownInAll: Limiter;

  constructor(
    private readonly tenants: TenantService,
    private readonly users: UserService,
    private readonly devices: Pick<Devices, 'recognised'>,
    rateLimits: RateLimits,
    limits: MailboxLimits = mailboxLimits,
  ) {
    this.fromClient = rateLimits.limiter({ name: 'letters_from', ...limits.lettersFromClient });
    this.toAddress = rateLimits.limiter({ name: 'letters_to', ...limits.lettersToAddress });
    this.toAddressInAll = rateLimits.limiter({ name: 'letters_to_all', ...limits.lettersToAddressInAll });
    this.toKnown = rateLimits.limiter({ name: 'letters_known', ...limits.lettersToAddress });
    this.toKnownInAll = rateLimits.limiter({ name: 'letters_known_all', ...limits.lettersToAddressInAll });
  }

  /**
   * Of whoever has proved nothing. Known and unknown addresses are counted and refused alike, by the same statements; what is refused near by does
   * not count farther off. In a browser that the account knows nobody waits for what strangers elsewhere ask for (OWASP ASVS 5.0 V6.1.1).
   * @returns whose mailbox it is, looked up once. @throws AppError 429
   */
  async throttle(identifier: string): Promise<Addressee> {
    const { ip } = currentContext() ?? {};
    const address = `${currentTenantId()}\0${normalizeIdentifier(identifier) ?? identifier.slice(0, 320)}`;
    await this.fromClient.consume(clientKey(ip));
    await this.toAddress.consume(`${address}\0${placeOf(ip)}`);
    const found = await this.users.findByEmail(identifier);
    if (!(await this.isKnownHere(found?.id ?? NOBODY))) await this.toAddressInAll.consume(address);
    return this.addresseeOf(identifier, found);
  }

  /** Of whoever has proved something of this account: counted apart, so that no stranger keeps them waiting. @throws AppError 429 */
  async throttleKnown({ id }: Pick<User, 'id'>): Promise<void> {
    const account = `${currentTenantId()}\0${id}`;
    await this.toKnown.consume(`${account}\0${placeOf(currentContext()?.ip)}`);
    if (!(await this.isKnownHere(id))) await this.toKnownInAll.consume(account);
  }

  private async isKnownHere(id: string): Promise<boolean> {
    return (await this.devices.recognised({ id }, currentContext()?.handles ?? [])) === 'known';
  }

  /** Without effect. A disabled or closed user is nobody. */
  async addressee(identifier: string): Promise<Addressee> {
    return this.addresseeOf(identifier, await this.users.findByEmail(identifier));
  }

  /** Whose token it is, as long as they may come in and the address it was sent to is theirs. */
  holder(token: { subject: string; data: { email: string } }): Promise<User | undefined> {
    return this.users.holderOf(token);
  }

  private async addresseeOf(identifier: string, found: User | undefined): Promise<Addressee> {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    const user = found?.active ? found : undefined;
    const email = normalizeIdentifier(identifier) ?? '';
    return {
      subject: user?.id ?? nobodySubject(identifierKey, email),
      key: identifierKey,
      user,
      to: user?.email,
      email,
    };
  }
}

/** What cannot be read is one place: whoever cannot be told apart shares. */
const placeOf = (ip: string | undefined): string => networkOf(ip) ?? clientKey(ip);
