// What an account says about its person, and in which language its pages speak. Hands off to: UserService.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { StandardClaims } from '../features/users/user.schema.js';
import type { UserService } from '../features/users/user.service.js';
import { seeOther, textField } from '../platform/form.js';
import { type AccountDoor, ANY_TIME, type Visitor } from './door.js';

export interface ProfileDependencies {
  users: Pick<UserService, 'update' | 'changeSettings'>;
  /** Languages the pages speak. */
  locales: readonly string[];
}

/** Claims people say about themselves (OpenID Connect Core §5.1); whatever else they have is somebody else's to say. */
const fields = ['name', 'given_name', 'family_name', 'nickname', 'zoneinfo', 'locale'] as const;
type Field = (typeof fields)[number];
const Own = StandardClaims.pick(Object.fromEntries(fields.map((name) => [name, true])) as Record<Field, true>);
const Form = z.object(Object.fromEntries(fields.map((name) => [name, textField])) as Record<Field, typeof textField>);
type Form = z.infer<typeof Form>;

const zones = ['UTC', ...Intl.supportedValuesOf('timeZone')];

export function profileRoutes(router: Router, door: AccountDoor, { users, locales }: ProfileDependencies): void {
  router.get('/profile', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) await show(ctx, visitor, Form.parse(visitor.user.claims));
  });

  router.post('/profile', async (ctx) => {
    const visitor = await door.mayChange(ctx, { fresh: ANY_TIME });
    if (!visitor) return;
    const form = Form.parse(ctx.request.body ?? {});
    const said = Object.fromEntries(fields.map((name) => [name, form[name].trim() || undefined]));
    const checked = Own.safeParse(said);
    const wrong = checked.success
      ? unknownChoices(form, visitor)
      : checked.error.issues.map(({ path }) => String(path[0]));
    if (!checked.success || wrong.length > 0) return show(ctx, visitor, form, wrong);
    const claims = Object.fromEntries(fields.map((name) => [name, checked.data[name] ?? null]));
    await users.update(visitor.user, { claims });
    seeOther(ctx, `${ctx.state.prefix}/account/profile?done=profile_saved`);
  });

  /** The choices are lists: what is in none of them was not sent by our page. What was there before may stay. */
  function unknownChoices({ zoneinfo, locale }: Form, { user: { claims } }: Visitor): string[] {
    return [
      ...(zoneinfo && zoneinfo !== claims.zoneinfo && !zones.includes(zoneinfo) ? ['zoneinfo'] : []),
      ...(locale && locale !== claims.locale && !locales.includes(locale) ? ['locale'] : []),
    ];
  }

  function show(ctx: Context, visitor: Visitor, values: Form, wrong: string[] = []): Promise<void> {
    const data = {
      values,
      wrong,
      zones: zones.includes(values.zoneinfo) || !values.zoneinfo ? zones : [values.zoneinfo, ...zones],
      languages: [...new Set([...locales, ...(values.locale ? [values.locale] : [])])].map(named),
      actions: { submit: `${ctx.state.prefix}/account/profile` },
    };
    return door.show(ctx, visitor, 'profile', data, { status: wrong.length > 0 ? 422 : 200 });
  }
}

/** Each in its own words: who looks for their language may read no other. */
function named(tag: string): { tag: string; name: string } {
  try {
    return { tag, name: new Intl.DisplayNames(tag, { type: 'language' }).of(tag) ?? tag };
  } catch {
    return { tag, name: tag };
  }
}
