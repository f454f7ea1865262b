import { describe, expect, it } from '@jest/globals';
import { merged } from '../../../src/oidc/configuration/configuration.js';

describe('the chapters of the configuration', () => {
  it('are one object, in which features, lifetimes and algorithms come from several', () => {
    expect(
      merged([
        { scopes: ['openid'], features: { userinfo: { enabled: true } }, ttl: { IdToken: 1 } },
        { clockTolerance: 5, features: { introspection: { enabled: true } }, ttl: { Session: 2 } },
      ]),
    ).toEqual({
      scopes: ['openid'],
      clockTolerance: 5,
      features: { userinfo: { enabled: true }, introspection: { enabled: true } },
      ttl: { IdToken: 1, Session: 2 },
    });
  });

  it.each([
    ['scopes', { scopes: ['openid'] }, { scopes: ['email'] }],
    ['scopes', { scopes: ['openid'] }, { scopes: ['openid'] }],
    [
      'features.userinfo',
      { features: { userinfo: { enabled: true } } },
      { features: { userinfo: { enabled: false } } },
    ],
    ['ttl.IdToken', { ttl: { IdToken: 1 } }, { ttl: { IdToken: 2 } }],
  ])('say nothing twice: %s', (place, first, second) => {
    expect(() => merged([first, second])).toThrow(`two chapters of the configuration say ${place}`);
  });
});
