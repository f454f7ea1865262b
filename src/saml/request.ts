// What is asked of the identity provider where a sign-in is begun: an AuthnRequest, and what its answer will be compared with.
import type { Asked, Kept, Started } from '../features/connections/federated-sign-in.js';
import type { FederatedSignIns } from '../features/connections/federated-sign-ins.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { badRequest } from '../platform/errors.js';
import { authnRequest } from './emit.js';
import { type Sent, send } from './sending.js';
import type { Party, ServiceProviders } from './service-provider.js';

/** What is kept of a request until its answer. */
export interface Expected {
  requestId: string;
  /** AuthnContextClassRef, one of which the answer has to say; none: any will do. */
  contexts: string[];
  /** NumericDate: since when the person has to have proved who they are. */
  provedSince?: number | undefined;
}

export class SamlRequests {
  constructor(
    private readonly serviceProviders: ServiceProviders,
    private readonly signIns: Pick<FederatedSignIns, 'start' | 'sent'>,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError 400 for a handle that is not good. */
  async begin(connectionId: string, handle: string): Promise<Sent> {
    const started = await this.signIns.start(connectionId, handle);
    const party = await this.serviceProviders.partyOf(started.connection);
    const [place] = party?.idp.sso ?? [];
    if (!party || !place) throw badRequest('invalid_handle', 'This sign-in does not go on. Please start again');
    const { message, expected } = this.ask(party, place.location, started);
    const { state } = await this.signIns.sent(started, keep(expected));
    return send(place.binding, message, state, party.saml.sign_requests ? party.signingKey : undefined);
  }

  private ask({ saml, ...party }: Party, destination: string, { asked }: Started) {
    const at = this.clock.now();
    const { prompt, acr = [] } = asked;
    const contexts = [...new Set(acr.flatMap((one) => saml.authn_context[one] ?? []))];
    const provedSince = since(asked, epochSeconds(at));
    const message = authnRequest({
      issuer: party.entityId,
      destination,
      at,
      acs: party.acs,
      nameIdFormat: saml.name_id_format,
      forceAuthn: provedSince !== undefined,
      isPassive: prompt === 'none',
      contexts,
    });
    const expected: Expected = { requestId: message.id, contexts, provedSince };
    return { message, expected };
  }
}

/** SAML has no max_age: where it is asked for, the person is asked again, and the answer must not be older. */
function since({ prompt = '', max_age }: Asked, now: number): number | undefined {
  if (prompt.split(' ').includes('login')) return now;
  return max_age === undefined ? undefined : now - max_age;
}

const keep = ({ requestId, contexts, provedSince }: Expected): Kept => ({
  request_id: requestId,
  contexts: JSON.stringify(contexts),
  ...(provedSince === undefined ? {} : { proved_since: String(provedSince) }),
});

export const expectedOf = ({ request_id = '', contexts = '[]', proved_since }: Kept): Expected => ({
  requestId: request_id,
  contexts: JSON.parse(contexts) as string[],
  provedSince: proved_since === undefined ? undefined : Number(proved_since),
});
