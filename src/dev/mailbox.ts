// The mailbox of development: the mail that would have been sent, links included, for whoever sits at this machine.
// Hands off to: MailService, which keeps messages only where its transport says so. Never mounted in production or beside a mail server.
import { isIP } from 'node:net';
import Router from '@koa/router';
import ipaddr from 'ipaddr.js';
import type { Context, Next } from 'koa';
import type { MailService } from '../features/mail/mail.service.js';
import { notFound } from '../platform/errors.js';
import type { Pages } from '../platform/page.js';

export function createMailboxRouter({ mail, pages }: { mail: Pick<MailService, 'mailbox'>; pages: Pages }): Router {
  const router = new Router({ sensitive: true, strict: true });
  router.use(onlyThisMachine);

  router.get('/dev/mailbox', async (ctx) => {
    const messages = (await mail.mailbox()).map(({ id, to, subject, sentAt }) => {
      return { id, to, subject, at: sentAt, href: `${listOf(ctx)}/${id}` };
    });
    await pages.send(ctx, 'dev/mailbox', { messages, actions: { list: listOf(ctx) } });
  });

  router.get('/dev/mailbox/:id', async (ctx) => {
    const found = (await mail.mailbox()).find(({ id }) => id === ctx.params.id);
    if (!found) throw notFound('message');
    const { to, subject, sentAt: at, text } = found;
    await pages.send(ctx, 'dev/mailbox', {
      messages: [],
      message: { to, subject, at, text },
      actions: { list: listOf(ctx) },
    });
  });
  return router;
}

const listOf = (ctx: Context) => `${ctx.state.prefix}/dev/mailbox`;

/** From elsewhere there is no such page. What was forwarded came from elsewhere, as through a tunnel that ends on this machine. */
async function onlyThisMachine(ctx: Context, next: Next): Promise<void> {
  ctx.state.route = '/dev/mailbox';
  if (ctx.state.forwarded || !isLoopback(ctx.state.ip)) throw notFound('page');
  await next();
}

function isLoopback(ip: unknown): boolean {
  // Only the spellings a socket or a proxy uses: ipaddr alone would read 127.1 and 2130706433 as well.
  return typeof ip === 'string' && isIP(ip) !== 0 && ipaddr.process(ip).range() === 'loopback';
}
