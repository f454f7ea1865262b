// RFC 8707: which resource a token is for, and what a client may ask for there.

import { type Client, errors, type ResourceServer } from 'oidc-provider';
import { API_DOCS_CLIENT } from '../features/clients/built-in-clients.js';
import { settingsOf } from '../features/clients/client-settings.js';
import { Resource } from '../features/resources/resource.entity.js';
import { grantableScopes, isForClient } from '../features/resources/resource.rules.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import { detailsAsking } from './authorization-details.js';
import type { EngineContext } from './engine-types.js';
import { takesAlgorithm } from './profile.js';

export function createResourceServerInfo(resources: ResourceService) {
  return async (ctx: EngineContext, identifier: string, client: Client): Promise<ResourceServer> => {
    const resource = await resources.findByIdentifier(identifier);
    if (!resource) throw new errors.InvalidTarget('no such resource');
    if (resource.accessTokenFormat === 'jwt' && !takesAlgorithm(client, resource.signingAlg))
      throw new errors.InvalidTarget(
        `its tokens are signed with ${resource.signingAlg}, which the profile of the client forbids`,
      );
    // The API's own pages ask for that API and nothing else, whatever scopes others call by the same names.
    if (client.clientId === API_DOCS_CLIENT && resource instanceof Resource)
      throw new errors.InvalidTarget('this client is for the management API alone');
    const person = ctx.oidc.params?.grant_type !== 'client_credentials';
    const { allowed_scope, access_token_ttl, ceiling, document_expires_at } = settingsOf(client);
    const asking = { person, ceiling, hasDocument: document_expires_at !== undefined };
    const scopes = grantableScopes(resource, allowed_scope?.split(' '), asking);
    if (!isForClient(resource, scopes, detailsAsking(ctx, client)))
      throw new errors.InvalidTarget(
        ceiling && person
          ? 'not open to clients that registered themselves, and this one was given no scope of it'
          : 'none of its scopes is in the registration of the client',
      );
    // Its page names the scopes of one resource, and what each is for.
    if (ctx.oidc.route === 'backchannel_authentication') {
      if (Array.isArray(ctx.oidc.params?.resource)) throw new errors.InvalidTarget('one resource at a time here');
      if (!scopes.some(({ name }) => ctx.oidc.requestParamScopes.has(name)))
        throw new errors.InvalidTarget('a scope of the resource has to be asked for here');
    }
    return {
      audience: resource.identifier,
      scope: scopes.map(({ name }) => name).join(' '),
      accessTokenTTL: access_token_ttl ?? resource.accessTokenTtl,
      accessTokenFormat: resource.accessTokenFormat,
      ...(resource.accessTokenFormat === 'jwt' ? { jwt: { sign: { alg: resource.signingAlg } } } : {}),
    };
  };
}
