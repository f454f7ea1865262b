// Each jti of a DPoP proof or client assertion counts once (RFC 9449 §11.1, RFC 7523 §3): one insert decides, across all processes.
import { currentTenantId } from '../../platform/context.js';
import { sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import * as statements from './statements.js';

export class Replays {
  constructor(private readonly db: Database) {}

  /**
   * @param exp NumericDate until which the value could be presented again.
   * @returns true for exactly one of many callers with the same issuer and jti.
   */
  async unique(issuer: string, jti: string, exp: number): Promise<boolean> {
    const rows = await this.db.execute(statements.insertReplay, [
      currentTenantId(),
      idOf(issuer, jti),
      new Date(exp * 1000),
    ]);
    return rows.length === 1;
  }

  /** Whether it has been presented already. */
  async isSpent(issuer: string, jti: string): Promise<boolean> {
    return (await this.db.execute(statements.findReplay, [currentTenantId(), idOf(issuer, jti)])).length > 0;
  }
}

const idOf = (issuer: string, jti: string) => sha256(`${issuer}\0${jti}`);
