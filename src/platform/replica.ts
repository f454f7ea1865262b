// A copy of the database that answers reads and is never waited for: connected to when first asked, left alone for a while when it fails.
import type { DataSource, EntityManager } from 'typeorm';
import { databaseError } from './database-errors.js';

const restMs = 5_000;
/** query_canceled: the statement was too slow here, and would be there. */
const cancelled = '57014';

export class Replica {
  private connecting: Promise<DataSource> | undefined;
  private restUntil = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** undefined while it is away. */
  async manager(): Promise<EntityManager | undefined> {
    if (performance.now() < this.restUntil) return undefined;
    this.connecting ??= this.dataSource.initialize();
    try {
      return (await this.connecting).manager;
    } catch (error) {
      this.connecting = undefined;
      this.rest(error);
      return undefined;
    }
  }

  /** Whether it failed in a way in which the primary may not; then it is not asked again for a while. */
  isAway(error: unknown): boolean {
    const { code, driverError } = error as { code?: unknown; driverError?: { code?: unknown } };
    const state = String(driverError?.code ?? code);
    if (state === cancelled || !(databaseError(error)?.status === 503 || isNoEntry(state))) return false;
    this.rest(error);
    return true;
  }

  async close(): Promise<void> {
    await this.connecting?.then((dataSource) => dataSource.destroy()).catch(() => {});
  }

  private rest(error: unknown): void {
    this.restUntil = performance.now() + restMs;
    this.onError(new Error('the replica does not answer', { cause: error }));
  }
}

/** Class 28, and no such database: it answers, and lets nobody in. */
const isNoEntry = (state: string): boolean => /^(28...|3D000)$/.test(state);
