import { describe, expect, it } from '@jest/globals';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import type { UpstreamIdentity } from '../../src/features/connections/upstream-identity.js';
import { upstreamProof } from '../../src/features/connections/upstream-proof.js';

const now = 1_900_000_000;
const id = '0190f0f0-0000-7000-8000-0000000000cc';
const acme = '0190f0f0-0000-7000-8000-00000000000a';
const context = 'urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken';

type Said = Pick<UpstreamIdentity, 'acr' | 'amr' | 'authenticated_at'>;

const oidc = { mfa: { acr: ['strong'], amr: ['mfa'] } };
const saml = { mfa_contexts: [context] };
const proofOf = (settings: object, said: Said, organizationId: string | null = null) =>
  upstreamProof({ id, organizationId, settings } as unknown as Connection, said, now);
const trusted = { trust: { email: 'claim', mfa: true } };
const not = { trust: { email: 'claim', mfa: false } };

describe('what a sign-in at an identity provider proves here', () => {
  it.each<[string, object, Said, object]>([
    [
      'now, where it does not say when: it may have been long before',
      { ...not, oidc },
      {},
      { at: now, since_unknown: true },
    ],
    [
      'when it was, where it was before',
      { ...not, oidc },
      { authenticated_at: now - 60 },
      { at: now - 60, received: now },
    ],
    ['now, where its clock is ahead', { ...not, oidc }, { authenticated_at: now + 60 }, { at: now }],
    [
      'a second factor that it is trusted with (amr)',
      { ...trusted, oidc },
      { amr: ['pwd', 'mfa'] },
      { at: now, mfa: true, since_unknown: true },
    ],
    [
      'a second factor that it is trusted with (acr)',
      { ...trusted, oidc },
      { acr: 'strong' },
      { at: now, mfa: true, since_unknown: true },
    ],
    ['the same by SAML', { ...trusted, saml }, { acr: context }, { at: now, mfa: true, since_unknown: true }],
    [
      'none that it is not trusted with',
      { ...not, oidc },
      { amr: ['mfa'], acr: 'strong' },
      { at: now, since_unknown: true },
    ],
    ['none where it says none', { ...trusted, oidc }, { amr: ['pwd'], acr: 'weak' }, { at: now, since_unknown: true }],
  ])('%s', (_name, settings, said, expected) => {
    expect(proofOf(settings, said)).toEqual({ method: 'connection', connection: id, ...expected });
  });

  it('to its organization alone, where it is of one', () => {
    expect(proofOf({ ...not, oidc }, {}, acme)).toMatchObject({ organization: acme });
    expect(proofOf({ ...not, oidc }, {})).not.toHaveProperty('organization');
  });
});
