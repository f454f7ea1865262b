// A passkey as a step sees it: what the page asks the browser, and what comes back in its form.
// Hands off to: PasskeyCeremonies, which knows whether it is true.
import type { Proof } from '../features/authentication/assurance.js';
import type { Passkey } from '../features/credentials/passkey.entity.js';
import { authenticationOf, registrationOf } from '../features/credentials/passkey.schema.js';
import type { Authenticated, PasskeyCeremonies, Registration } from '../features/credentials/passkey-ceremonies.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { User } from '../features/users/user.entity.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { isFirst, type StepName, takesWay } from './steps.js';
import type { Visit } from './visit.js';

export interface PasskeyOffer {
  options: Awaited<ReturnType<PasskeyCeremonies['authenticationOptions']>>;
  /** The browser may offer it below the name (WebAuthn §5.1.4). */
  conditional: boolean;
}

/** @param user whose second proof it is; without one it comes first and is the same for everybody. */
export async function passkeyOffer(
  passkeys: PasskeyCeremonies,
  { interaction }: Visit,
  user?: User,
): Promise<PasskeyOffer> {
  return { options: await passkeys.authenticationOptions(interaction.uid, user), conditional: !user };
}

export interface PasskeyOptionsDependencies {
  passkeys: PasskeyCeremonies;
  policy: () => Promise<AuthenticationPolicy>;
}

/** What a program asks the browser for: as on the page of the step that is next. @returns undefined where no passkey is taken. */
export async function passkeyOptions(
  { passkeys, policy }: PasskeyOptionsDependencies,
  visit: Visit,
  step: StepName | 'finish',
): Promise<PasskeyOffer['options'] | undefined> {
  const { interaction, need } = visit;
  if (step === 'second_factor') {
    const asked = need.kind === 'second_factor' && need.methods.includes('passkey');
    const user = asked ? await visit.user() : undefined;
    return user && passkeys.authenticationOptions(interaction.uid, user);
  }
  const first = isFirst(need) && takesWay(need, await policy(), 'passkey');
  return first ? passkeys.authenticationOptions(interaction.uid) : undefined;
}

export async function authenticated(
  passkeys: PasskeyCeremonies,
  { interaction }: Visit,
  text: string,
  user?: User,
): Promise<Authenticated | undefined> {
  const response = authenticationOf(text);
  return response && passkeys.authenticate(interaction.uid, response, user);
}

/** @param since from before it was looked at. */
export const proofOf = ({ verified, device_bound }: Authenticated, since: Date): Proof => ({
  method: 'passkey',
  at: epochSeconds(since),
  verified,
  device_bound,
});

/** One that was made and used here, at once: whoever holds it has shown it. */
export const proofOfNew = ({ uvInitialized, deviceBound }: Passkey, clock: Clock): Proof => ({
  method: 'passkey',
  at: epochSeconds(clock.now()),
  verified: uvInitialized,
  device_bound: deviceBound,
});

export async function registered(
  passkeys: PasskeyCeremonies,
  { interaction }: Visit,
  text: string,
  user: User,
  stands: () => Promise<boolean>,
): Promise<Registration> {
  const response = registrationOf(text);
  return response ? passkeys.register(user, interaction.uid, response, stands) : { outcome: 'failed' };
}
