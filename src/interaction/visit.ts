// One request to one step: who is here, for which client, and how far they are.
import type { Context } from 'koa';
import type { Need } from '../features/authentication/requirement.js';
import { isBuiltInClient } from '../features/clients/built-in-clients.js';
import { settingsOf } from '../features/clients/client-settings.js';
import { documentHost } from '../features/clients/documents/document-url.js';
import type { Engine, Interaction } from '../features/protocol/engine.js';
import type { User } from '../features/users/user.entity.js';
import type { PageOptions, Pages } from '../platform/page.js';
import { problemOf } from './problem.js';
import type { Progress } from './steps.js';

/** What the dispatcher hands to a step. */
export interface Visit {
  ctx: Context;
  interaction: Interaction;
  progress: Progress;
  /** What is still to be proved. */
  need: Need;
  /** Whose proofs these are; nobody where nothing was proved, or the account is not active any more. */
  user(): Promise<User | undefined>;
  /** People may make accounts themselves. */
  registration: boolean;
  client: VisitedClient;
  /** Below this address lie the steps. */
  base: string;
  csrf: string;
  /** A program asks: it gets no page, but what a page would say is wrong. */
  json?: boolean;
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
  /** The host whose document describes the client: it has proved that it is its own. */
  verified?: string | undefined;
  hasDocument: boolean;
  /** Where what it is registered for are its own words alone: the scopes that somebody lets it have. */
  ceiling?: readonly string[] | undefined;
  /** Every scope the client was given, where its registration names them. */
  allowed_scope?: string[] | undefined;
  /** Types of authorization details, likewise. */
  details_types?: readonly string[] | undefined;
}

export function describeClient(
  { clientId, params }: Interaction,
  metadata: Readonly<Record<string, unknown>> = {},
): VisitedClient {
  const { dynamic, allowed_scope, ceiling, document_expires_at, authorization_details_types } = settingsOf(metadata);
  const hasDocument = document_expires_at !== undefined;
  return {
    client_id: clientId,
    name: text(metadata.client_name) ?? clientId,
    host: hostOf(text(params.redirect_uri)),
    logo_uri: text(metadata.logo_uri),
    policy_uri: text(metadata.policy_uri),
    tos_uri: text(metadata.tos_uri),
    dynamic: dynamic === true,
    verified: hasDocument ? provedHost(clientId, text(params.redirect_uri)) : undefined,
    hasDocument,
    ceiling,
    allowed_scope: allowed_scope?.split(' '),
    details_types: authorization_details_types,
  };
}

/** RFC 8252 §8.6: whatever runs on somebody's machine may say that it is the client of this document, so that nothing is proved there. */
const provedHost = (clientId: string, redirectUri = ''): string | undefined =>
  redirectUri.startsWith('https://') ? documentHost(clientId) : undefined;

/** The host of a web address; for a private-use scheme (RFC 8252 §7.1) the scheme itself. */
function hostOf(uri: string | undefined): string {
  if (!uri || !URL.canParse(uri)) return '';
  const { host, protocol } = new URL(uri);
  return host || protocol;
}

export type Form = Readonly<Record<string, string | string[] | undefined>>;

/** A step shows a page and takes what is sent from it. After submit the browser goes back to the dispatcher, unless a page was shown. */
export interface Step {
  show(visit: Visit): Promise<void>;
  submit(visit: Visit, form: Form): Promise<void>;
}

export const field = (form: Form, name: string): string | undefined => text(form[name]);

/** Everything a step needs of the house. */
export class Stage {
  constructor(
    private readonly pages: Pages,
    private readonly engine: Engine,
  ) {}

  /** @throws AppError that says the same to a program. */
  async show(visit: Visit, template: string, data: object, options: PageOptions = {}): Promise<void> {
    const { ctx, interaction, client, csrf } = visit;
    if (visit.json) throw problemOf(data, options);
    const redirectUri = text(interaction.params.redirect_uri);
    return this.pages.send(
      ctx,
      `interaction/${template}`,
      // To one's own account one goes back to nobody else.
      { ...(isBuiltInClient(client.client_id) ? {} : { client }), ...data },
      {
        csrf,
        formAction: redirectUri ? [redirectUri] : [],
        uiLocales: text(interaction.params.ui_locales),
        organization: organizationOf(interaction),
        ...options,
      },
    );
  }

  /** In which language the page is read. */
  locale({ ctx, interaction }: Visit): string {
    return this.pages.locale(ctx, text(interaction.params.ui_locales));
  }

  async remember(visit: Visit, progress: Progress): Promise<void> {
    await this.engine.remember(visit.ctx.req, visit.ctx.res, progress);
  }
}

/** For which organization somebody signs in: the one that is asked for, or that they have chosen. */
function organizationOf({ params, organization, session }: Interaction): string | undefined {
  const chosen = organization?.account_id === session?.accountId ? organization?.organization_id : undefined;
  return text(params.organization) ?? chosen;
}

/** Undefined for what is absent, repeated or empty. */
export const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
