import { describe, expect, it } from '@jest/globals';
import { holdsFor, MOST_BYTES, readDocument } from '../../src/features/clients/documents/document.js';
import { isAllowedHost, isDocumentUrl } from '../../src/features/clients/documents/document-url.js';

const clientId = 'https://tool.example/client.json';
const redirect_uris = ['https://tool.example/cb'];
const read = (said: unknown, more: object = {}) =>
  readDocument(clientId, {
    status: 200,
    contentType: 'application/json',
    text: typeof said === 'string' ? said : JSON.stringify(said),
    ...more,
  });
const document = (more: object = {}) => ({ client_id: clientId, client_name: 'Tool', redirect_uris, ...more });

describe('a client_id that is the address of a document (OAuth Client ID Metadata Document §3)', () => {
  it.each([
    ['https://tool.example/client.json'],
    ['https://tool.example:8443/client.json'],
    ['https://a-b.tool.example/a/b/'],
    ['https://tool.example/%20'],
    ['https://tool.example/...'],
    ['https://xn--bcher-kva.example/client'],
  ])('%s', (url) => expect(isDocumentUrl(url)).toBe(true));

  it.each([
    ['no URL', 'client'],
    ['another scheme', 'http://tool.example/client.json'],
    ['another scheme that begins alike', 'httpsx://tool.example/client.json'],
    ['upper case', 'HTTPS://tool.example/client.json'],
    ['a host in upper case', 'https://Tool.example/client.json'],
    ['no path', 'https://tool.example'],
    ['an empty path', 'https://tool.example/'],
    ['a fragment', 'https://tool.example/client.json#a'],
    ['an empty fragment', 'https://tool.example/client.json#'],
    ['a query', 'https://tool.example/client.json?a=b'],
    ['an empty query', 'https://tool.example/client.json?'],
    ['a name', 'https://me@tool.example/client.json'],
    ['a name and password', 'https://me:pw@tool.example/client.json'],
    ['an empty name', 'https://@tool.example/client.json'],
    ['a single dot', 'https://tool.example/./client.json'],
    ['two dots', 'https://tool.example/a/../client.json'],
    ['two dots at the end', 'https://tool.example/a/..'],
    ['dots in percent-encoding', 'https://tool.example/a/%2e%2E/client.json'],
    ['one of them so', 'https://tool.example/a/.%2e/client.json'],
    ['a backslash', 'https://tool.example\\client.json'],
    ['a space', 'https://tool.example/client .json'],
    ['a line feed', 'https://tool.example/client\n.json'],
    ['a tab', 'https://tool.example/\tclient.json'],
    ['a port that goes without saying', 'https://tool.example:443/client.json'],
    ['an empty port', 'https://tool.example:/client.json'],
    ['letters that are not ASCII', 'https://bücher.example/client'],
    ['an address', 'https://192.0.2.1/client.json'],
    ['an address as a number', 'https://3221225985/client.json'],
    ['an address in hexadecimal', 'https://0xc0.0.2.1/client.json'],
    ['an IPv6 address', 'https://[2001:db8::1]/client.json'],
    ['this machine', 'https://localhost/client.json'],
    ['a name of one label', 'https://intranet/client.json'],
    ['a dot at the end of the host', 'https://tool.example./client.json'],
    ['more than can be a client_id', `https://tool.example/${'a'.repeat(256)}`],
  ])('is not %s', (_what, url) => expect(isDocumentUrl(url)).toBe(false));

  it('is allowed at the hosts of the policy alone', () => {
    expect(isAllowedHost(clientId, [])).toBe(false);
    expect(isAllowedHost(clientId, ['tool.example'])).toBe(true);
    expect(isAllowedHost(clientId, ['*'])).toBe(true);
    for (const host of ['a.tool.example', 'example', 'tool.example.evil.example', 'evil.example'])
      expect(isAllowedHost(clientId, [host])).toBe(false);
  });
});

describe('what a document says (OAuth Client ID Metadata Document §4)', () => {
  it('is metadata like any other, of a public client where it says nothing else', () => {
    expect(read(document())).toMatchObject({
      client_name: 'Tool',
      redirect_uris,
      application_type: 'web',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      response_types: ['code'],
    });
  });

  it('leaves out members that are not ours to know, and settings that only an administrator says', () => {
    const metadata = read(
      document({ software_id: 'x', access_token_ttl: 86_400, allowed_cors_origins: ['https://evil.example'] }),
    );
    for (const member of ['client_id', 'software_id', 'access_token_ttl', 'allowed_cors_origins'])
      expect(metadata).not.toHaveProperty(member);
  });

  it.each([
    [
      ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      ['authorization_code', 'refresh_token'],
    ],
    [['authorization_code', 'client_credentials', 'implicit'], ['authorization_code']],
  ])('uses of %j what a person takes part in', (grant_types, used) =>
    expect(read(document({ grant_types })).grant_types).toEqual(used),
  );

  it.each([
    [['http://127.0.0.1/cb', 'http://localhost/cb'], 'native'],
    [['com.example.tool:/cb'], 'native'],
    [['https://tool.example/cb'], 'web'],
  ])('sent to %j it is a %s application', (uris, type) =>
    expect(read(document({ redirect_uris: uris })).application_type).toBe(type),
  );

  it.each<[string, unknown, object?]>([
    ['no JSON', '{'],
    ['a list', []],
    ['null', 'null'],
    ['a text', '"x"'],
    ['no client_id', { redirect_uris }],
    ['the client_id of another', document({ client_id: 'https://evil.example/client.json' })],
    ['a client_id that is the same but for case', document({ client_id: 'https://tool.example/Client.json' })],
    ['a client_id that is the same but for a slash', document({ client_id: `${clientId}/` })],
    ['a client_secret', document({ client_secret: 'secret' })],
    ['an empty client_secret', document({ client_secret: '' })],
    ['when a secret ends', document({ client_secret_expires_at: 0 })],
    ['client_secret_basic', document({ token_endpoint_auth_method: 'client_secret_basic' })],
    ['client_secret_post', document({ token_endpoint_auth_method: 'client_secret_post' })],
    ['client_secret_jwt', document({ token_endpoint_auth_method: 'client_secret_jwt' })],
    ['private_key_jwt without keys', document({ token_endpoint_auth_method: 'private_key_jwt' })],
    [
      'a private key',
      document({
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }] },
      }),
    ],
    ['keys over http', document({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'http://localhost/jwks' })],
    [
      'keys at another host',
      document({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://victim.example/jwks' }),
    ],
    [
      'keys at another port',
      document({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://tool.example:8443/jwks' }),
    ],
    ['something that is to be fetched each time', document({ sector_identifier_uri: 'https://tool.example/sector' })],
    ['no redirect_uris', { client_id: clientId }],
    ['empty redirect_uris', document({ redirect_uris: [] })],
    ['redirect_uris that are no list', document({ redirect_uris: 'https://tool.example/cb' })],
    ['plain http', document({ redirect_uris: ['http://tool.example/cb'] })],
    ['a web application on loopback', document({ application_type: 'web', redirect_uris: ['http://127.0.0.1/cb'] })],
    [
      'one of them on loopback',
      document({ application_type: 'web', redirect_uris: ['https://tool.example/cb', 'http://localhost/cb'] }),
    ],
    ['an inner address', document({ redirect_uris: ['https://10.0.0.1/cb'] })],
    ['an inner address of IPv6', document({ redirect_uris: ['https://[fd00::1]/cb'] })],
    ['an inner address as a number', document({ redirect_uris: ['https://167772161/cb'] })],
    ['a script', document({ redirect_uris: ['javascript:alert(1)'] })],
    ['no grant with a code', document({ grant_types: ['client_credentials'] })],
    ['a script for a logo', document({ logo_uri: 'javascript:alert(1)' })],
    ['a logo over http', document({ logo_uri: 'http://localhost/logo.png' })],
    ['a name that hides something', document({ client_name: 'Tool\u202e' })],
    ['a redirect', document(), { status: 302 }],
    ['nothing there', document(), { status: 404 }],
    ['another success', document(), { status: 203 }],
    ['HTML', document(), { contentType: 'text/html' }],
    ['text', document(), { contentType: 'text/plain' }],
    ['no content type', document(), { contentType: null }],
    ['a content type that begins alike', document(), { contentType: 'application/jsonp' }],
    ['more than five KiB', document({ x: 'a'.repeat(MOST_BYTES) })],
  ])('is not taken with %s', (...[, said, more]) => expect(() => read(said, more)).toThrow());

  it.each(['application/json', 'application/json; charset=utf-8', 'application/oauth-client+json', 'Application/JSON'])(
    'comes as %s',
    (contentType) => expect(read(document(), { contentType })).toHaveProperty('redirect_uris'),
  );

  it.each([
    [null, 3600],
    ['max-age=0', 300],
    ['max-age=299', 300],
    ['public, max-age=7200', 7200],
    ['max-age="7200"', 7200],
    ['s-maxage=10', 3600],
    ['max-age=99999999999', 86_400],
    ['no-store', 300],
    ['no-cache, max-age=7200', 300],
    ['x-max-age=5', 3600],
  ])('holds with Cache-Control %s for %i seconds (§4.4: RFC 9111)', (header, seconds) =>
    expect(holdsFor(header)).toBe(seconds),
  );
});
