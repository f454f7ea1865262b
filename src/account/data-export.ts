// The copy of what is kept about a person, as a file. Hands off to: DataExport.
import { Readable } from 'node:stream';
import type Router from '@koa/router';
import type { DataExport } from '../features/accounts/data-export.js';
import { AppError } from '../platform/errors.js';
import type { AccountDoor } from './door.js';

export interface DataExportDependencies {
  dataExport: Pick<DataExport, 'of'>;
}

export function dataExportRoutes(router: Router, door: AccountDoor, { dataExport }: DataExportDependencies): void {
  const dataOf = (prefix: string) => ({ actions: { submit: `${prefix}/account/export` } });

  router.get('/export', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) await door.show(ctx, visitor, 'settings/export', dataOf(ctx.state.prefix));
  });

  router.post('/export', async (ctx) => {
    const visitor = await door.mayChange(ctx);
    if (!visitor) return;
    try {
      ctx.body = Readable.from(await dataExport.of(visitor.user));
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 429) throw error;
      const seconds = error.details.retryAfter;
      const data = { ...dataOf(ctx.state.prefix), error: { code: 'too_many_requests', seconds } };
      return door.show(ctx, visitor, 'settings/export', data, { status: 429, retryAfter: seconds });
    }
    ctx.type = 'application/json';
    ctx.set('Cache-Control', 'no-store');
    ctx.attachment('account.json', { fallback: false });
  });
}
