// Where we are, to an identity provider: what is typed in over there. Pure; saml/ and federation/ answer there.
import type { Connection } from './connection.entity.js';

type Named = Pick<Connection, 'id'>;

/** @param issuer of the tenant. */
export const samlAddresses = (issuer: string, { id }: Named) => ({
  // The name is where it can be looked up (SAML Metadata §4.1).
  entity_id: `${issuer}/saml/${id}/metadata`,
  assertion_consumer_service: `${issuer}/saml/${id}/acs`,
  single_logout_service: `${issuer}/saml/${id}/slo`,
  metadata: `${issuer}/saml/${id}/metadata`,
});

export const federationAddresses = (issuer: string, { id }: Named) => ({
  redirect_uri: `${issuer}/federation/${id}/callback`,
  backchannel_logout_uri: `${issuer}/federation/${id}/backchannel-logout`,
});
