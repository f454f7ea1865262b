// A server with a SAML connection, and an identity provider beside it: sign-ins as browsers bring them, up to where the browser comes back.
import { randomBytes } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import type { Connection } from '../../../src/features/connections/connection.entity.js';
import { samlAddresses } from '../../../src/features/connections/connection-addresses.js';
import type { Asked, Binding, Held } from '../../../src/features/connections/federated-sign-in.js';
import type { Organization } from '../../../src/features/organizations/organization.entity.js';
import type { Services } from '../../../src/services.js';
import { HonestIdp, type Respond } from './honest-idp.js';
import { type SamlKey, samlKey } from './keys.js';
import { posted } from './sign.js';

/** A server that answers for one tenant. */
export interface Place {
  issuer: string;
  inside<T>(work: (services: Services) => Promise<T>): Promise<T>;
}

/** What a browser carries to the identity provider. */
export interface Carried {
  address: string;
  id: string;
  xml: string;
  relayState: string;
}

export interface Answered {
  status: number;
  location: string | null;
  html: string;
  cookies: string[];
}

/** Made once: a key takes longer than a sign-in. */
let made: SamlKey | undefined;
const idpKey = (): SamlKey => {
  made ??= samlKey();
  return made;
};

export class SamlParty {
  readonly binding: Binding = { kind: 'interaction', id: randomBytes(8).toString('hex') };

  private constructor(
    readonly place: Place,
    readonly connection: Connection,
    readonly idp: HonestIdp,
    private readonly before = 0,
  ) {}

  /** The same connection, in another browser, without what was refused before: its keys take a second to make. */
  async again(): Promise<SamlParty> {
    const before = this.before + (await this.refusals()).length;
    return new SamlParty(this.place, this.connection, this.idp, before);
  }

  static async open(
    place: Place,
    settings: Record<string, unknown> = {},
    {
      enabled = true,
      organization,
      idp = new HonestIdp(`https://idp-${randomBytes(4).toString('hex')}.example`, idpKey()),
      idpSettings = {},
    }: { enabled?: boolean; organization?: Organization; idp?: HonestIdp; idpSettings?: object } = {},
  ): Promise<SamlParty> {
    const described = {
      entity_id: idp.entityId,
      sso: [{ binding: 'redirect' as const, location: idp.locations.sso }],
      slo: [{ binding: 'redirect' as const, location: idp.locations.slo }],
      certificates: [idp.key.certificate],
      ...idpSettings,
    };
    const connection = await place.inside(async ({ connections }) => {
      const made = await connections.create(organization ?? null, {
        key: `saml-${randomBytes(6).toString('hex')}`,
        kind: 'saml',
        display_name: 'Acme',
        settings: { saml: { idp: described, ...settings } },
      });
      if (enabled) await connections.enable(organization ?? null, made);
      return connections.find(organization ?? null, made.id);
    });
    return new SamlParty(place, connection, idp);
  }

  get addresses() {
    return samlAddresses(this.place.issuer, this.connection);
  }

  async begin(asked: Partial<Asked> & { binding?: Binding } = {}): Promise<string> {
    const { location } = await this.place.inside(({ federatedSignIns }) =>
      federatedSignIns.begin(this.connection, { binding: this.binding, purpose: 'sign_in', back: '/back', ...asked }),
    );
    return location;
  }

  /** @param location where a sign-in begins. */
  async carried(location?: string): Promise<Carried> {
    const answer = await fetch(location ?? (await this.begin()), { redirect: 'manual' });
    const address = answer.headers.get('location') ?? '';
    const query = new URL(address).searchParams;
    const xml = inflateRawSync(Buffer.from(query.get('SAMLRequest') ?? '', 'base64')).toString();
    return { address, xml, id: /\bID="([^"]+)"/.exec(xml)?.[1] ?? '', relayState: query.get('RelayState') ?? '' };
  }

  /** Base64, as it is posted. */
  response(requestId: string | null, how: Respond = {}, now = new Date()): string {
    const { entity_id: sp, assertion_consumer_service: acs } = this.addresses;
    return posted(this.idp.respond({ sp, acs, request_id: requestId, now }, how));
  }

  post(
    response: string,
    relayState: string | undefined,
    at = this.addresses.assertion_consumer_service,
  ): Promise<Answered> {
    return postForm(at, { SAMLResponse: response, ...(relayState === undefined ? {} : { RelayState: relayState }) });
  }

  /** From the page that asks to the answer of the identity provider. */
  async signIn(how: Respond = {}, asked: Partial<Asked> = {}): Promise<Answered> {
    const { id, relayState } = await this.carried(await this.begin(asked));
    return this.post(this.response(id, how), relayState);
  }

  redeem(location: string, binding = this.binding): Promise<Held> {
    const handle = new URL(location).searchParams.get('handle') ?? '';
    return this.place.inside(({ federatedSignIns }) => federatedSignIns.redeem(handle, binding));
  }

  /** The events that say why nobody was believed, in order. */
  refusals(): Promise<{ reason: string; trace_id: string }[]> {
    return this.place.inside(async ({ db }) => {
      const rows: { data: { reason: string; trace_id: string } }[] = await db.manager.query(
        `SELECT data FROM audit_events WHERE name = 'federation.refused' AND data ->> 'connection_id' = $1 ORDER BY id`,
        [this.connection.id],
      );
      return rows.map(({ data }) => data).slice(this.before);
    });
  }
}

/** As another site's page makes a browser send it: no cookie comes along. */
export async function postForm(address: string, fields: Record<string, string>): Promise<Answered> {
  const response = await fetch(address, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams(fields),
    headers: { accept: 'text/html', origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' },
  });
  return {
    status: response.status,
    location: response.headers.get('location'),
    html: await response.text(),
    cookies: response.headers.getSetCookie(),
  };
}
