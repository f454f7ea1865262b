import { describe, expect, it } from '@jest/globals';
import { metadataAddress, protectedResourceMetadata } from '../../src/features/resources/protected-resource.js';
import { Resource, type ResourceServer } from '../../src/features/resources/resource.entity.js';
import { grantableScopes } from '../../src/features/resources/resource.rules.js';

const row = (more: Partial<Resource> = {}) =>
  Object.assign(new Resource(), {
    identifier: 'https://mcp.example',
    name: 'Notes',
    scopes: [{ name: 'read' }, { name: 'write' }],
    ...more,
  });

describe('protected resource metadata (RFC 9728)', () => {
  it.each([
    ['https://r.example', 'https://r.example/.well-known/oauth-protected-resource'],
    ['https://r.example/', 'https://r.example/.well-known/oauth-protected-resource'],
    ['https://r.example/one/two', 'https://r.example/.well-known/oauth-protected-resource/one/two'],
    ['https://r.example/one/', 'https://r.example/.well-known/oauth-protected-resource/one/'],
    ['https://r.example:8443/one?k=1', 'https://r.example:8443/.well-known/oauth-protected-resource/one?k=1'],
    ['https://r.example?k=1', 'https://r.example/.well-known/oauth-protected-resource?k=1'],
    ['https://r.example/?k=1', 'https://r.example/.well-known/oauth-protected-resource?k=1'],
    ['https://r.example:443/one', 'https://r.example:443/.well-known/oauth-protected-resource/one'],
  ])('of %s lies at %s (§3.1)', (identifier, address) => {
    expect(metadataAddress(identifier)).toBe(address);
  });

  it('says what is registered, and leaves out what has no elements (§2, §3.2)', () => {
    expect(protectedResourceMetadata(row(), 'https://id.example')).toEqual({
      resource: 'https://mcp.example',
      authorization_servers: ['https://id.example'],
      resource_name: 'Notes',
      scopes_supported: ['read', 'write'],
      bearer_methods_supported: ['header'],
    });
    const bare = protectedResourceMetadata(row({ scopes: [] }), 'https://id.example');
    expect(Object.keys(bare)).not.toContain('scopes_supported');
  });

  it('never names a scope that there is not', () => {
    const { scopes_supported } = protectedResourceMetadata(
      row({ metadata: { scopes_supported: ['read', 'gone'] } }),
      'x',
    );
    expect(scopes_supported).toEqual(['read']);
  });
});

describe('which scopes of a resource a client can be given', () => {
  const ownApi: ResourceServer = { ...row(), identifier: 'https://id.example/api' };
  const open = (): ResourceServer => row({ dynamicClients: true });
  const asking = { person: true, ceiling: undefined as string[] | undefined, hasDocument: false };
  const registered = { ...asking, ceiling: ['read'] };
  const described = { ...registered, hasDocument: true };
  const machine = { ...asking, person: false };

  it.each<[string, string, ResourceServer, string[] | undefined, typeof asking]>([
    ['a client of an administrator, that names none', 'read write', row(), undefined, asking],
    ['one that names some', 'read', row(), ['read'], asking],
    ['one without a person, that names none', '', row(), undefined, machine],
    ['one without a person, that names some', 'read', row(), ['read'], machine],
    ['one for our own API, that names none', '', ownApi, undefined, asking],
    ['one for our own API, that names some', 'read', ownApi, ['read'], asking],
    ['one that registered itself, and names none', 'read', row(), undefined, registered],
    ['one that registered itself for more than its ceiling', 'read', row(), ['read', 'write'], registered],
    ['one that registered itself for others', '', row(), ['write'], registered],
    ['one that registered itself, at an open resource', 'read write', open(), undefined, registered],
    ['one that registered itself for some, at an open resource', 'write', open(), ['write'], registered],
    ['one that registered itself, for our own API', 'read', ownApi, ['read', 'write'], registered],
    ['one that registered itself, for our own API, and names none', '', ownApi, undefined, registered],
    [
      'one that registered itself, at an open resource, where nobody is asked',
      'read',
      open(),
      ['read', 'write'],
      { ...registered, person: false },
    ],
    ['one that is described by a document', 'read', row(), undefined, described],
    ['one that is described by a document, and names more', 'read', row(), ['read', 'write'], described],
    ['one that is described by a document, and names others', '', row(), ['write'], described],
    ['one that is described by a document, for our own API', '', ownApi, ['read', 'write'], described],
    ['one that is described by a document, at an open resource', 'read write', open(), undefined, described],
    ['one that names some in its document, at an open resource', 'write', open(), ['write'], described],
  ])('%s: %s', (_what, scopes, resource, listed, who) => {
    expect(
      grantableScopes(resource, listed, who)
        .map(({ name }) => name)
        .join(' '),
    ).toBe(scopes);
  });
});
