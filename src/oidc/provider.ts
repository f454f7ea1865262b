// One issuer, as a provider of the engine: what it is configured to be, and what is done to it then.
import { type Configuration, Provider, type TokenEndpointGrantContext } from 'oidc-provider';
import { Around } from './around.js';
import type { Issuer } from './configuration/chapter.js';
import { configuration } from './configuration/configuration.js';
import type { EngineContext } from './engine-types.js';
import { exchanging } from './exchange.js';
import { extensions, type ProviderDependencies } from './extensions.js';
import { admitGrant } from './maintenance.js';

export function createProvider(deps: ProviderDependencies, issuer: Issuer): Provider {
  const provider = new OstiaryProvider(issuer.url, configuration(deps, issuer), deps);
  // Cookies, hosts and schemes are decided by the front, which has overwritten what the sender claimed.
  provider.proxy = true;
  const around = new Around();
  for (const extend of extensions) extend(provider, deps, issuer, around);
  provider.use(around.middleware);
  return provider;
}

class OstiaryProvider extends Provider {
  constructor(
    issuer: string,
    configuration: Configuration,
    private readonly deps: Pick<ProviderDependencies, 'protocol' | 'pages' | 'traces' | 'maintenance'>,
  ) {
    super(issuer, configuration);
  }

  /** The engine registers its own grant types through this too, from its constructor; `deps` is read when a request comes. */
  override registerGrantType<Params extends object>(
    name: string,
    handler: (ctx: TokenEndpointGrantContext<Params>) => void | Promise<void>,
    ...rest: [Names?, Names?]
  ): void {
    const engine = handler as unknown as (ctx: EngineContext) => Promise<void>;
    const exchange = async (ctx: EngineContext) => {
      await admitGrant(this.deps.maintenance, ctx, name);
      await exchanging(this.deps.protocol, name, engine)(ctx);
    };
    super.registerGrantType(name, (ctx) => exchange(ctx as unknown as EngineContext), ...rest);
  }

  /**
   * OAuth 2.0 Form Post Response Mode as a page of ours, which works without JavaScript; signed too (JARM §2.3.3). Every refusal with where to read
   * about it.
   */
  override registerResponseMode(name: string, handler: ResponseMode): void {
    const ours: Partial<Record<string, ResponseMode>> = {
      form_post: (ctx, redirectUri, fields) =>
        this.deps.pages.formPost(ctx, redirectUri, fields as Record<string, string>),
      'form_post.jwt': async (ctx, redirectUri, fields) => {
        const response = await signedResponse(this, ctx, fields);
        await this.deps.pages.formPost(ctx, redirectUri, { response });
      },
    };
    const answer = ours[name] ?? handler;
    super.registerResponseMode(name, (ctx, redirectUri, fields) =>
      answer.call(this, ctx, redirectUri, this.deps.traces.explained(ctx, fields)),
    );
  }
}

type ResponseMode = Parameters<Provider['registerResponseMode']>[1];

/** JARM §2.1: as the engine makes it for its other modes. */
function signedResponse(provider: Provider, ctx: EngineContext, fields: object): Promise<string> {
  const token = new provider.IdToken({}, { ctx } as never) as unknown as {
    extra: object;
    issue(options: { use: 'authorization' }): Promise<string>;
  };
  token.extra = fields;
  return token.issue({ use: 'authorization' });
}

type Names = string | readonly string[] | ReadonlySet<string>;
