import { describe, expect, it } from '@jest/globals';
import { answeredAcr, askedAcr, requestedAcr } from '../../src/features/authentication/requested-acr.js';

const [one, mfa, phr, phrh] = ['1fa', 'mfa', 'phr', 'phrh'].map((name) => `urn:ostiary:acr:${name}`) as [
  string,
  string,
  string,
  string,
];
const other = 'urn:example:unknown';
const claims = (acr: unknown) => ({ claims: JSON.stringify({ id_token: { acr } }) });

describe('the acr claim (OpenID Connect Core §2, §3.1.2.1, §5.5.1.1)', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ['nothing was asked for', {}, mfa, mfa],
    ['the first of those that are met, in order of preference', { acr_values: `${one} ${mfa}` }, mfa, one],
    ['the other order', { acr_values: `${mfa} ${one}` }, mfa, mfa],
    ['what is stronger than asked for', { acr_values: mfa }, phrh, mfa],
    ['the first one is out of reach', { acr_values: `${phr} ${mfa}` }, mfa, mfa],
    ['all are out of reach', { acr_values: `${phr} ${phrh}` }, mfa, mfa],
    ['a name that is not ours is met by nothing', { acr_values: `${other} ${one}` }, mfa, one],
    ['only a name that is not ours', { acr_values: other }, mfa, mfa],
    ['an essential value', claims({ essential: true, value: one }), phr, one],
    ['one of essential values', claims({ essential: true, values: [phr, mfa] }), mfa, mfa],
    ['essential goes before acr_values', { acr_values: one, ...claims({ essential: true, value: mfa }) }, phr, mfa],
    ['a voluntary value', claims({ value: mfa }), phr, mfa],
    ['acr_values go before a voluntary value', { acr_values: one, ...claims({ value: mfa }) }, phr, one],
    ['essential, and nothing said', { acr_values: mfa, ...claims({ essential: true }) }, phr, mfa],
    ['null', claims(null), mfa, mfa],
  ])('%s', (_name, params, reached, answered) => {
    expect(answeredAcr(requestedAcr(params), reached)).toBe(answered);
  });

  it.each<[string, Record<string, unknown>, object | undefined]>([
    ['the weakest that satisfies', { acr_values: `${phr} ${mfa}` }, { acr: mfa, essential: false }],
    ['essential', claims({ essential: true, values: [phrh, other] }), { acr: phrh, essential: true }],
    ['voluntary, as a claim', claims({ values: [mfa] }), { acr: mfa, essential: false }],
    ['nothing of ours', { acr_values: other }, undefined],
  ])('is asked for: %s', (_name, params, asked) => {
    expect(askedAcr(params)).toEqual(asked);
  });
});
