import { describe, expect, it } from '@jest/globals';
import { assess, type RiskSignals } from '../../src/features/risk/assess.js';

const usual: RiskSignals = { device: 'known', network: 'known', failures: 0, lockouts: 0 };

describe('what is unusual about a sign-in', () => {
  it.each<[string, Partial<RiskSignals>, string, string[]]>([
    ['nothing', {}, 'allow', []],
    ['the first one of an account', { device: 'first', network: 'first' }, 'allow', []],
    ['a new browser at home', { device: 'new' }, 'allow', ['new_device']],
    ['the own browser elsewhere', { network: 'new' }, 'allow', ['new_network']],
    ['both new', { device: 'new', network: 'new' }, 'step_up', ['new_device', 'new_network']],
    ['a typing error', { failures: 2 }, 'allow', ['failures_before']],
    ['a new browser after a typing error', { device: 'new', failures: 1 }, 'allow', ['new_device', 'failures_before']],
    ['a new browser after guesses', { device: 'new', failures: 3 }, 'step_up', ['new_device', 'many_failures_before']],
    ['the own browser after a lock', { lockouts: 1 }, 'allow', ['locked_before']],
    [
      'the own browser after a lock and guesses',
      { failures: 4, lockouts: 1 },
      'step_up',
      ['many_failures_before', 'locked_before'],
    ],
    [
      'everything',
      { device: 'new', network: 'new', failures: 4, lockouts: 2 },
      'deny',
      ['new_device', 'new_network', 'many_failures_before', 'locked_before'],
    ],
  ])('%s', (_name, signals, decision, reasons) => {
    expect(assess({ ...usual, ...signals })).toMatchObject({ decision, reasons });
  });

  it('is never less for one more sign', () => {
    const all: RiskSignals[] = [];
    for (const device of ['known', 'new'] as const)
      for (const network of ['known', 'new'] as const)
        for (const failures of [0, 1, 3])
          for (const lockouts of [0, 1]) all.push({ device, network, failures, lockouts });
    for (const signals of all) {
      const { score } = assess(signals);
      expect(assess({ ...signals, device: 'new' }).score).toBeGreaterThanOrEqual(score);
      expect(assess({ ...signals, network: 'new' }).score).toBeGreaterThanOrEqual(score);
      expect(assess({ ...signals, lockouts: 1 }).score).toBeGreaterThanOrEqual(score);
    }
  });
});
