import { describe, expect, it } from '@jest/globals';
import { agreedDetails, needsAgreement, resourceOfDetails } from '../../../src/oidc/authorization-details.js';

const details = [{ type: 'payment' }];
const request = (agreed: object | undefined, accountId = 'ann', asked: string | undefined = JSON.stringify(details)) =>
  ({
    params: { authorization_details: asked },
    result: agreed && { consent: { grantId: 'g', agreed } },
    session: { accountId },
  }) as never;

describe('what a person has agreed to (RFC 9396 §4, §7)', () => {
  const byAnn = { account_id: 'ann', authorization_details: details };

  it.each<[string, boolean, object | undefined, string | undefined]>([
    ['nobody was asked yet', true, undefined, 'ann'],
    ['they said yes', false, byAnn, 'ann'],
    ['somebody else said yes, and was left for this account', true, byAnn, 'bob'],
    ['nobody is signed in any more', true, byAnn, ''],
  ])('%s', (_what, asked, agreed, accountId) => {
    expect(needsAgreement(request(agreed, accountId))).toBe(asked);
    expect(agreedDetails(request(agreed, accountId))).toEqual(asked ? undefined : details);
  });

  it('is nothing to be asked for where there are no details', () => {
    expect(needsAgreement({ params: {}, result: undefined, session: undefined } as never)).toBe(false);
  });
});

describe('the resource that details are for (RFC 8707 §2, RFC 9396 §2.2)', () => {
  const types = new Map([
    ['payment', ['https://bank.example']],
    ['folder', ['https://one.example', 'https://two.example']],
    ['note', ['https://one.example']],
  ]);

  it.each<[string, unknown, string | string[] | undefined]>([
    ['the only one that takes them', [{ type: 'payment' }], 'https://bank.example'],
    ['each of several', [{ type: 'payment' }, { type: 'note' }], ['https://bank.example', 'https://one.example']],
    ['none where two take them', [{ type: 'folder' }], undefined],
    ['the one they name', [{ type: 'folder', locations: ['https://two.example'] }], 'https://two.example'],
    ['none where they name another', [{ type: 'payment', locations: ['https://x.example'] }], undefined],
    ['none for what nobody takes', [{ type: 'constructor' }], undefined],
  ])('%s', (_what, said, resource) => {
    expect(resourceOfDetails(JSON.stringify(said), types)).toEqual(resource);
  });

  it('is none where nothing is said', () => {
    expect(resourceOfDetails(undefined, types)).toBeUndefined();
  });
});
