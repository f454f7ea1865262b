// How often one address may bring what is not believed: of each connection for itself, so that what is brought to one shuts nobody out of another.
import { currentTenantId } from '../../platform/context.js';
import { clientKey, type Limiter } from '../../platform/rate-limit.js';

/** An answer that somebody here has asked for, one that nobody has, or the word that a session has ended: none is held back by the others. */
export type Brought = 'answer' | 'unasked' | 'logout';

/** Of one request. */
export class AnswerLimit {
  private key: string | undefined;

  constructor(
    private readonly failures: Pick<Limiter, 'consume' | 'reward'>,
    private readonly connectionId: string,
    private readonly ip: string | undefined,
  ) {}

  /** Parallel tries get no more than their share. @throws AppError 429 */
  async count(what: Brought): Promise<void> {
    this.key = `${what} ${currentTenantId()} ${this.connectionId} ${clientKey(this.ip)}`;
    await this.failures.consume(this.key);
  }

  /** It was good. */
  async forgive(): Promise<void> {
    if (this.key) await this.failures.reward(this.key).catch(() => undefined);
  }
}
