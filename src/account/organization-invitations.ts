// Whom an organization has asked in, and asking more. Hands off to: InvitationService; the letter, whose link letters/invitation.ts opens.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { inviteEach } from '../features/invitations/bulk-invitations.js';
import { listInvitations, listTemplates } from '../features/invitations/invitation.queries.js';
import {
  CreateInvitation,
  InvitationQuery,
  MOST_AT_ONCE,
  presentAt,
} from '../features/invitations/invitation.schema.js';
import type { InvitationService } from '../features/invitations/invitation.service.js';
import type { Clock } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import { badRequest, notFound } from '../platform/errors.js';
import { textField } from '../platform/form.js';
import { roleChoices, rolesUpTo, teamChoices } from './organization-choices.js';
import { type Inside, type OrganizationDoor, type Refused, refusalOf } from './organization-door.js';
import { linesOf, ticked } from './organization-fields.js';

export interface OrganizationInvitationsDependencies {
  db: Database;
  clock: Clock;
  invitations: InvitationService;
}

const Form = z.object({
  emails: textField,
  role: textField,
  roles: ticked,
  teams: ticked,
  template: textField,
  message: textField,
});
type Form = z.infer<typeof Form>;

/** An address that was not invited, and why not. */
interface NotInvited {
  email: string;
  code: string;
}

const list = '/organizations/:organization/invitations';
const page = '/invitations';

export function organizationInvitationsRoutes(
  router: Router,
  door: OrganizationDoor,
  { db, clock, invitations }: OrganizationInvitationsDependencies,
): void {
  router.get(list, async (ctx) => {
    const inside = await door.enter(ctx, 'admin');
    if (inside) await show(ctx, inside, { ...Form.parse({}), role: 'member' });
  });

  router.post(list, async (ctx) => {
    const form = Form.parse(ctx.request.body ?? {});
    const inside = await door.mayChange(ctx, 'admin', page);
    // Whoever asks an owner in gives the organization away: that takes a new proof.
    if (!inside || (form.role === 'owner' && !(await door.proved(ctx, inside, page)))) return;
    const emails = [...new Set(linesOf(form.emails))];
    if (emails.length === 0 || emails.length > MOST_AT_ONCE)
      return show(ctx, inside, form, { code: emails.length === 0 ? 'no_addresses' : 'many_addresses', status: 422 });
    const refused = await invite(inside, emails, form);
    if (refused.length === 0) return door.done(ctx, inside, page, 'invitations_sent');
    const left = { ...form, emails: refused.map(({ email }) => email).join('\n') };
    await show(ctx, inside, left, { code: 'not_invited', status: 422 }, refused);
  });

  for (const [verb, notice] of [
    ['resend', 'invitation_resent'],
    ['cancel', 'invitation_cancelled'],
  ] as const)
    router.post(`${list}/:invitation_id/${verb}`, async (ctx) => {
      const inside = await door.mayChange(ctx, 'admin', page);
      if (!inside) return;
      const { organization } = inside;
      const id = z.uuid().safeParse(ctx.params.invitation_id);
      if (!id.success) throw notFound('invitation');
      const invitation = await invitations.find(organization, id.data);
      const error = await refusalOf(() => invitations[verb](organization, invitation));
      if (error) return show(ctx, inside, { ...Form.parse({}), role: 'member' }, error);
      door.done(ctx, inside, page, notice);
    });

  async function invite({ organization }: Inside, emails: string[], form: Form): Promise<NotInvited[]> {
    const asked = emails.map((email) => ({ email, given: CreateInvitation.safeParse(invitationOf(email, form)) }));
    const rows = asked.flatMap(({ given }) => (given.success ? [given.data] : []));
    const answers = await inviteEach(invitations, organization, rows);
    return [
      ...asked.flatMap(({ email, given }) => (given.success ? [] : [{ email, code: 'invalid_request' }])),
      ...answers.flatMap(({ email, error }) => (error ? [{ email, code: error.code }] : [])),
    ];
  }

  async function show(ctx: Context, inside: Inside, values: Form, error?: Refused, notInvited: NotInvited[] = []) {
    const { organization, standing } = inside;
    const query = InvitationQuery.safeParse({
      state: ctx.query.state || 'pending',
      cursor: ctx.query.cursor || undefined,
      limit: 25,
    });
    if (!query.success) throw badRequest('invalid_request', 'The search is not valid');
    const now = clock.now();
    const found = await db.reading(() => listInvitations(db, organization.id, query.data, now));
    const templates = await db.reading(() => listTemplates(db, organization.id, { limit: 100 }));
    const { state = 'pending' } = query.data;
    const data = {
      values,
      notInvited,
      choices: rolesUpTo(standing),
      roles: await roleChoices(db, organization, standing, values.roles),
      teams: await teamChoices(db, organization, values.teams),
      templates: templates.items.map(({ id, name }) => ({ id, name })),
      invitations: found.items.map(presentAt(now)),
      state,
      next:
        found.next_cursor &&
        `${ctx.state.prefix}${inside.at}${page}?${new URLSearchParams({ state, cursor: found.next_cursor })}`,
    };
    await door.show(ctx, inside, 'invitations', data, error ? { error } : {});
  }
}

const invitationOf = (email: string, { role, roles, teams, template, message }: Form) => ({
  email,
  role,
  roles,
  teams,
  ...(template ? { template_id: template } : {}),
  ...(message.trim() ? { message } : {}),
});
