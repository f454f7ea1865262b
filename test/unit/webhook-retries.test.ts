import { describe, expect, it } from '@jest/globals';
import { nextAttemptAt, resumesAt } from '../../src/features/webhooks/webhook-retries.js';
import { newWebhookSecret, signedHeaders } from '../../src/features/webhooks/webhook-signature.js';

const now = new Date('2026-01-01T00:00:00Z');
const seconds = (at: Date | null | undefined) => at && Math.round((at.getTime() - now.getTime()) / 1000);

describe('when a delivery is tried again', () => {
  it.each([
    [1, 5],
    [2, 30],
    [3, 120],
    [4, 600],
    [5, 1800],
    [6, 3600],
    [7, 7200],
    [8, 14_400],
    [9, 21_600],
    [10, 36_000],
    [11, undefined],
    [12, undefined],
  ])('after attempt %i: in %s seconds', (attempt, pause) => {
    expect(seconds(nextAttemptAt(now, attempt, 0.5))).toBe(pause);
  });

  it('what failed together comes back apart: a fifth sooner or later', () => {
    expect([0, 0.5, 0.999_999].map((random) => seconds(nextAttemptAt(now, 4, random)))).toEqual([480, 600, 720]);
  });

  it('all in all for about a day', () => {
    const pauses = Array.from({ length: 10 }, (_, index) => seconds(nextAttemptAt(now, index + 1, 0.5)) ?? 0);
    const hours = pauses.reduce((sum, one) => sum + one, 0) / 3600;
    expect(hours).toBeGreaterThan(23);
    expect(hours).toBeLessThanOrEqual(24);
  });
});

describe('how long an endpoint is left alone', () => {
  it.each([
    [0, null],
    [9, null],
    [10, 30],
    [11, 60],
    [12, 120],
    [14, 480],
    [15, 900],
    [1_000_000, 900],
  ])('after %i failures in a row: %s seconds', (failures, pause) => {
    expect(seconds(resumesAt(now, failures))).toBe(pause);
  });
});

describe('what a message is signed with (Standard Webhooks 1.0)', () => {
  it('is as in the example of the standard', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const at = new Date(1614265330 * 1000);
    expect(signedHeaders([secret], 'msg_p5jXN8AQM9LWM0D4loKWxJek', at, '{"test": 2432232314}')).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('has 32 random bytes, each time others', () => {
    const secrets = Array.from({ length: 50 }, newWebhookSecret);
    expect(new Set(secrets).size).toBe(50);
    for (const one of secrets) expect(Buffer.from(one.replace('whsec_', ''), 'base64')).toHaveLength(32);
  });
});
