// RFC 8707: which resource a token is for, and what a client may ask for there.
import { type Client, errors, type ResourceServer } from 'oidc-provider';
import { Resource } from '../features/resources/resource.entity.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import { type EngineContext, settingsOf } from './engine-types.js';

export function createResourceServerInfo(resources: ResourceService) {
  return async (ctx: EngineContext, identifier: string, client: Client): Promise<ResourceServer> => {
    const resource = await resources.findByIdentifier(identifier);
    if (!resource) throw new errors.InvalidTarget('no such resource');
    const listed = settingsOf(client).allowed_scope?.split(' ');
    // Nobody is asked for consent with client credentials, and nobody can agree to more for the server's own API than the client was
    // given: both only what the client's registration lists.
    const onlyListed = !(resource instanceof Resource) || ctx.oidc.params?.grant_type === 'client_credentials';
    const scopes = resource.scopes
      .map(({ name }) => name)
      .filter((name) => (listed ? listed.includes(name) : !onlyListed));
    return {
      audience: resource.identifier,
      scope: scopes.join(' '),
      accessTokenTTL: settingsOf(client).access_token_ttl ?? resource.accessTokenTtl,
      accessTokenFormat: resource.accessTokenFormat,
      ...(resource.accessTokenFormat === 'jwt' ? { jwt: { sign: { alg: resource.signingAlg } } } : {}),
    };
  };
}
