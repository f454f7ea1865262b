import { describe, expect, it } from '@jest/globals';
import { isAllowed } from '../../src/features/domains/domain-lists.js';

const acme = ['acme.example', 'xn--bcher-kva.example'];

describe('whom an organization takes, by the domain of the address', () => {
  it.each([
    ['maria@acme.example', [], [], true],
    ['maria@acme.example', acme, [], true],
    ['maria@bücher.example', acme, [], true],
    ['maria@xn--bcher-kva.example', acme, [], true],
    ['maria@other.example', acme, [], false],
    ['maria@sub.acme.example', acme, [], false],
    ['maria@notacme.example', acme, [], false],
    ['maria@acme.example.evil.example', acme, [], false],
    ['maria@localhost', acme, [], false],
    ['maria@acme.example', [], acme, false],
    ['maria@sub.acme.example', [], acme, false],
    ['maria@notacme.example', [], acme, true],
    ['maria@bücher.example', [], acme, false],
    ['maria@localhost', [], ['localhost'], false],
    ['maria@localhost', [], acme, false],
    ['maria@acme.example.', [], acme, false],
    ['maria@acme.example。', [], acme, false],
    ['maria@a_b.bücher.example', [], acme, false],
    ['maria@acme..example', [], acme, false],
    ['maria@acme.example.', acme, [], false],
    ['maria@acme.example', acme, acme, false],
    ['maria@bücher.example', ['Bücher.example'], [], true],
    ['maria@bücher.example', [], ['BÜCHER.example'], false],
  ] as const)('%s: allowed %j, denied %j → %s', (email, allowed_domains, denied_domains, allowed) => {
    expect(isAllowed(email, { allowed_domains, denied_domains })).toBe(allowed);
  });
});
