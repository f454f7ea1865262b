// The steps as forms of programs, below /api/v1: each names the interaction it goes on with, whose cookie comes along, and is answered
// with the step that is next. Never a token: whoever is through opens `location` in the browser, which gets its code there as always.
// Hands off to: the same steps as the pages.
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { ForgottenPasswords } from '../features/accounts/forgotten-passwords.js';
import { assertSameOrigin } from '../platform/csrf.js';
import { forbidden } from '../platform/errors.js';
import { parsed, readJsonBody } from '../platform/json-body.js';
import type { Logger } from '../platform/logger.js';
import { problems } from '../platform/problem.js';
import type { Dispatcher } from './dispatcher.js';
import type { Links } from './links.js';
import { wrongStep } from './problem.js';
import { isFirst, type StepName } from './steps.js';
import type { Form, Visit } from './visit.js';

export const JSON_PATH = '/api/v1';

interface JsonDependencies {
  dispatcher: Dispatcher;
  links: Links;
  /** What the browser is to be asked for a passkey at this step; undefined where none is taken. */
  passkeyOptions(visit: Visit, step: StepName | 'finish'): Promise<object | undefined>;
  forgottenPasswords: Pick<ForgottenPasswords, 'request'>;
  /** Of a form, in which the answer to the captcha comes. */
  captchaField: string | undefined;
  logger: Logger;
}

const line = z.string().min(1).max(1024);
const name = { interaction: z.string().min(1).max(64) };
const address = { ...name, username: z.string().trim().min(1).max(320) };
const password = z.string().min(1).max(16_384);
const captcha = { captcha_token: z.string().max(4096).optional() };

interface StepForm {
  step: StepName;
  schema: z.ZodType;
  /** What the form of the page holds beside the members of the same name. */
  more?: Record<string, string>;
  status?: number;
}

const secondFactor: StepForm = {
  step: 'second_factor',
  schema: z.union([
    z.strictObject({ ...name, ...captcha, code: line, remember_device: z.literal('yes').optional() }),
    z.strictObject({ ...name, ...captcha, email_code: line, remember_device: z.literal('yes').optional() }),
  ]),
};

/** Each is one submission of one page. */
const forms: Record<string, StepForm> = {
  register: {
    step: 'register',
    schema: z.strictObject({ ...address, ...captcha, password, name: z.string().max(200).optional() }),
    status: 201,
  },
  'resend-verification': { step: 'registered', schema: z.strictObject(name), more: { again: 'yes' }, status: 202 },
  login: { step: 'login', schema: z.strictObject({ ...address, ...captcha, password }) },
  'magic-link': { step: 'login', schema: z.strictObject(address), more: { with: 'magic_link' }, status: 202 },
  'email-code': { step: 'login', schema: z.strictObject(address), more: { with: 'email_code' }, status: 202 },
  'email-code/verify': { step: 'email_code', schema: z.strictObject({ ...name, code: line }) },
  '2fa/send': { step: 'second_factor', schema: z.strictObject(name), more: { with: 'email_code' }, status: 202 },
  '2fa/verify': secondFactor,
  'verify-2fa': secondFactor,
  'confirmation/send': { step: 'confirmation', schema: z.strictObject(name), more: { send: 'yes' }, status: 202 },
  'confirmation/verify': { step: 'confirmation', schema: z.strictObject({ ...name, code: line }) },
  'recovery-login': { step: 'second_factor', schema: z.strictObject({ ...name, ...captcha, recovery_code: line }) },
};

export function createJsonRouter(deps: JsonDependencies): Router {
  const { dispatcher, links, forgottenPasswords, passkeyOptions } = deps;
  const router = new Router({ prefix: JSON_PATH, sensitive: true, strict: true });
  const guarded = problems(deps.logger);

  const post = (path: string, work: (ctx: Context) => Promise<void>) =>
    router.post(path.startsWith('/') ? path : `/auth/${path}`, guarded, readJsonBody, work);

  /** The interaction that is named, of this browser, asked by a page of ours or by a program that is none. */
  async function visit(ctx: Context, uid: string): Promise<Visit> {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const found = { ...(await dispatcher.visitOf(ctx, uid)), json: true };
    if (!dispatcher.isOurs(found, ctx.get('x-csrf-token')))
      throw forbidden('csrf', 'The header x-csrf-token is not the one of this interaction');
    return found;
  }

  async function answer(ctx: Context, uid: string, status = 200): Promise<void> {
    const now = await dispatcher.visitOf(ctx, uid);
    ctx.status = status;
    ctx.body = describe(now, await dispatcher.stepOf(now), ctx.state.issuer);
  }

  for (const [path, { step, schema, more, status }] of Object.entries(forms))
    post(path, async (ctx) => {
      const { interaction, captcha_token, ...fields } = parsed(schema, ctx) as Record<string, string>;
      const form: Form = {
        ...fields,
        ...more,
        ...(deps.captchaField ? { [deps.captchaField]: captcha_token } : {}),
      };
      const next = await dispatcher.submit(await visit(ctx, String(interaction)), step, form);
      if (next) throw wrongStep(next);
      if (ctx.body === undefined) await answer(ctx, String(interaction), status);
    });

  for (const [path, open] of [
    ['verify-email', 'verify'],
    ['magic-link/verify', 'signIn'],
  ] as const)
    post(path, async (ctx) => {
      const { interaction, token } = parsed(z.strictObject({ ...name, token: line }), ctx);
      await links[open](await visit(ctx, interaction), token);
      await answer(ctx, interaction);
    });

  post('forgot-password', async (ctx) => {
    const { interaction, username } = parsed(z.strictObject(address), ctx);
    await visit(ctx, interaction);
    await forgottenPasswords.request(username);
    await answer(ctx, interaction, 202);
  });

  // The same for everybody before anything was proved, as on the page.
  post('/passkeys/authenticate/options', async (ctx) => {
    const { interaction } = parsed(z.strictObject(name), ctx);
    const found = await visit(ctx, interaction);
    const step = await dispatcher.stepOf(found);
    const options = await passkeyOptions(found, step);
    if (!options) throw wrongStep(step);
    ctx.body = options;
  });

  post('/passkeys/authenticate/verify', async (ctx) => {
    const form = z.strictObject({ ...name, response: z.record(z.string(), z.unknown()) });
    const { interaction, response } = parsed(form, ctx);
    const found = await visit(ctx, interaction);
    const step = (await dispatcher.stepOf(found)) === 'second_factor' ? 'second_factor' : 'login';
    const next = await dispatcher.submit(found, step, { passkey: JSON.stringify(response) });
    if (next) throw wrongStep(next);
    if (ctx.body === undefined) await answer(ctx, interaction);
  });

  return router;
}

/** What a program has to know to go on. */
export function describe({ interaction, need, csrf, progress }: Visit, step: StepName | 'finish', issuer: string) {
  const elsewhere = isFirst(need) && progress.going !== undefined;
  return {
    interaction: interaction.uid,
    step,
    csrf,
    // Whoever has that name is signed in by an identity provider, to which the page leads on.
    ...(elsewhere ? { connection: progress.going } : {}),
    requires_2fa: step === 'second_factor',
    ...(need.kind === 'second_factor' ? { methods: need.methods, recovery: need.recovery } : {}),
    // Steps that have no form here are taken on the page.
    location: `${issuer}/interaction/${interaction.uid}${elsewhere ? `/federation/${progress.going}` : ''}`,
  };
}
