import { describe, expect, it } from '@jest/globals';
import { assessRisk, type RiskSignals } from '../../src/features/risk/assess.js';

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
      'the own browser elsewhere, after a denial',
      { network: 'new', denied: true },
      'step_up',
      ['new_network', 'denied_before'],
    ],
    [
      'a new browser elsewhere after a lock and a denial, whatever failed',
      { device: 'new', network: 'new', lockouts: 1, denied: true },
      'deny',
      ['new_device', 'new_network', 'locked_before', 'denied_before'],
    ],
    [
      'the own browser, whatever somebody else has done: never denied',
      { network: 'new', failures: 9, lockouts: 9, denied: true },
      'step_up',
      ['new_network', 'many_failures_before', 'locked_before', 'denied_before'],
    ],
    [
      'the first sign-in of an account that is guessed at: never denied',
      { device: 'first', network: 'first', failures: 9, lockouts: 9, denied: true },
      'step_up',
      ['many_failures_before', 'locked_before', 'denied_before'],
    ],
    [
      'everything',
      { device: 'new', network: 'new', failures: 4, lockouts: 2 },
      'deny',
      ['new_device', 'new_network', 'many_failures_before', 'locked_before'],
    ],
  ])('%s', (_name, signals, decision, reasons) => {
    expect(assessRisk({ ...usual, ...signals })).toMatchObject({ decision, reasons });
  });

  it('is never less for one more sign', () => {
    const all: RiskSignals[] = [];
    for (const device of ['known', 'new'] as const)
      for (const network of ['known', 'new'] as const)
        for (const failures of [0, 1, 3])
          for (const lockouts of [0, 1]) all.push({ device, network, failures, lockouts });
    for (const signals of all) {
      const { score } = assessRisk(signals);
      expect(assessRisk({ ...signals, device: 'new' }).score).toBeGreaterThanOrEqual(score);
      expect(assessRisk({ ...signals, network: 'new' }).score).toBeGreaterThanOrEqual(score);
      expect(assessRisk({ ...signals, lockouts: 1 }).score).toBeGreaterThanOrEqual(score);
      expect(assessRisk({ ...signals, denied: true }).score).toBeGreaterThanOrEqual(score);
    }
  });

  it('goes by the scores it is given, and denies nobody in a browser that is known', () => {
    const limits = { step_up_from: 20, deny_from: 20 };
    expect(assessRisk({ ...usual, network: 'new' }, limits).decision).toBe('step_up');
    expect(assessRisk({ ...usual, device: 'new' }, limits).decision).toBe('deny');
    expect(assessRisk({ ...usual, failures: 1 }, limits).decision).toBe('allow');
  });
});
