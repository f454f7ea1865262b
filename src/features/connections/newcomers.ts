// How many people a connection brings whom nobody knows. Accounts cost whoever runs an identity provider nothing, and neither does asking who has one; what a
// provider of the tenant has proved is a mailbox each.
import { currentTenantId } from '../../platform/context.js';
import type { Limiter } from '../../platform/rate-limit.js';
import type { Held } from './federated-sign-in.js';
import { subjectHash } from './federated-sign-in-rows.js';
import type { Linking } from './linking.js';
import type { Stands } from './situations.js';

type Counted = Pick<Limiter, 'consume'>;

export class Newcomers {
  /** @param each of one of them, who would use up what is there for all others. */
  constructor(
    private readonly each: Counted,
    private readonly all: Counted,
  ) {}

  /** @throws AppError 429 */
  async count({ kind }: Linking, { connection, identity }: Held, { mapped }: Stands): Promise<void> {
    if (kind !== 'create' && kind !== 'prove') return;
    if (connection.organizationId === null && mapped.emailVerified) return;
    await this.each.consume(`${currentTenantId()}\0${subjectHash(connection.id, identity.subject)}`);
    await this.all.consume(`${currentTenantId()}\0${connection.id}`);
  }
}
