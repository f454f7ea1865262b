import { describe, expect, it } from '@jest/globals';
import {
  cooldownSeconds,
  following,
  type InvitationEvent,
  type InvitationState,
  invitationStates,
  stateAt,
} from '../../src/features/invitations/invitation-states.js';

const events: InvitationEvent[] = ['accept', 'decline', 'cancel', 'expire', 'resend'];

const table: [InvitationState, InvitationEvent, InvitationState | 'refused'][] = [
  ['pending', 'accept', 'accepted'],
  ['pending', 'decline', 'declined'],
  ['pending', 'cancel', 'cancelled'],
  ['pending', 'expire', 'expired'],
  ['pending', 'resend', 'pending'],
  ['accepted', 'accept', 'refused'],
  ['accepted', 'decline', 'refused'],
  ['accepted', 'cancel', 'refused'],
  ['accepted', 'expire', 'refused'],
  ['accepted', 'resend', 'refused'],
  ['declined', 'accept', 'refused'],
  ['declined', 'decline', 'refused'],
  ['declined', 'cancel', 'refused'],
  ['declined', 'expire', 'refused'],
  ['declined', 'resend', 'refused'],
  ['cancelled', 'accept', 'refused'],
  ['cancelled', 'decline', 'refused'],
  ['cancelled', 'cancel', 'refused'],
  ['cancelled', 'expire', 'refused'],
  ['cancelled', 'resend', 'refused'],
  ['expired', 'accept', 'refused'],
  ['expired', 'decline', 'refused'],
  ['expired', 'cancel', 'refused'],
  ['expired', 'expire', 'refused'],
  ['expired', 'resend', 'refused'],
];

describe('an invitation', () => {
  it('has every event in every state in this table', () => {
    expect(table).toHaveLength(invitationStates.length * events.length);
    expect(new Set(table.map(([state, event]) => `${state} ${event}`)).size).toBe(table.length);
  });

  it.each(table)('that is %s: %s → %s', (state, event, next) => {
    expect(following(state, event) ?? 'refused').toBe(next);
  });

  it('has expired when its time has come, noticed or not, and what was decided before stays decided', () => {
    const expiresAt = new Date('2026-11-22T12:00:00Z');
    const at = (time: string, state: InvitationState = 'pending') => stateAt({ state, expiresAt }, new Date(time));
    expect(at('2026-11-22T11:59:59.999Z')).toBe('pending');
    expect(at('2026-11-22T12:00:00Z')).toBe('expired');
    for (const state of invitationStates.filter((one) => one !== 'pending'))
      expect(at('2027-01-01T00:00:00Z', state)).toBe(state);
  });

  it.each([
    [1, 60],
    [2, 120],
    [3, 240],
    [6, 1920],
    [7, 3600],
    [8, 3600],
    [1_000_000, 3600],
  ])('that was sent %d times is sent again after %d seconds', (sends, seconds) => {
    expect(cooldownSeconds(sends)).toBe(seconds);
  });
});
