// What may become of an invitation: pending until somebody decides, or nobody does in time. What is decided stays so.

export const invitationStates = ['pending', 'accepted', 'declined', 'cancelled', 'expired'] as const;
export type InvitationState = (typeof invitationStates)[number];

export type InvitationEvent = 'accept' | 'decline' | 'cancel' | 'expire' | 'resend';

const FROM_PENDING: Record<InvitationEvent, InvitationState> = {
  accept: 'accepted',
  decline: 'declined',
  cancel: 'cancelled',
  expire: 'expired',
  resend: 'pending',
};

/** What is asked of an invitation whose time has passed finds it expired, whether or not anybody has noticed yet. */
export const stateAt = (
  { state, expiresAt }: { state: InvitationState; expiresAt: Date },
  now: Date,
): InvitationState => (state === 'pending' && expiresAt <= now ? 'expired' : state);

/** @returns the state that follows; undefined where the event is refused. */
export const following = (state: InvitationState, event: InvitationEvent): InvitationState | undefined =>
  state === 'pending' ? FROM_PENDING[event] : undefined;

/** RFC 9110 §10.2.3: seconds from a letter to the next one; each makes the wait twice as long, up to an hour. */
export const cooldownSeconds = (sends: number): number => Math.min(3600, 60 * 2 ** Math.min(sends - 1, 10));
