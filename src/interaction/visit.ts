// One request to one step: who is here, for which client, and how far they are.
import type { Context } from 'koa';
import type { Engine, Interaction } from '../features/protocol/engine.js';
import type { Pages, PageOptions } from '../platform/page.js';
import type { Progress } from './steps.js';

/** What the dispatcher hands to a step. */
export interface Visit {
  ctx: Context;
  interaction: Interaction;
  progress: Progress;
  client: VisitedClient;
  /** Below this address lie the steps. */
  base: string;
  csrf: string;
}

/** What a person is told about the client. */
export interface VisitedClient {
  client_id: string;
  name: string;
  host: string;
  logo_uri?: string | undefined;
  policy_uri?: string | undefined;
  tos_uri?: string | undefined;
  dynamic: boolean;
}

export type Form = Readonly<Record<string, string | string[] | undefined>>;

/** A step shows a page and takes what is sent from it. After submit the browser goes back to the dispatcher, unless a page was shown. */
export interface Step {
  show(visit: Visit): Promise<void>;
  submit(visit: Visit, form: Form): Promise<void>;
}

export const field = (form: Form, name: string): string | undefined => {
  const value = form[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** Everything a step needs of the house. */
export class Stage {
  constructor(
    private readonly pages: Pages,
    private readonly engine: Engine,
  ) {}

  show(visit: Visit, template: string, data: object, options: PageOptions = {}): Promise<void> {
    const { ctx, interaction, client, csrf } = visit;
    const redirectUri = text(interaction.params.redirect_uri);
    return this.pages.send(ctx, `interaction/${template}`, { client, ...data }, {
      csrf,
      formAction: redirectUri ? [redirectUri] : [],
      uiLocales: text(interaction.params.ui_locales),
      ...options,
    });
  }

  async remember(visit: Visit, progress: Progress): Promise<void> {
    await this.engine.remember(visit.ctx.req, visit.ctx.res, progress);
  }
}

export const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
