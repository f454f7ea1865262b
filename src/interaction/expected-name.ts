// Whose name stands in the field before anybody has typed one. It proves nothing.
import type { UserService } from '../features/users/user.service.js';
import { text, type Visit } from './visit.js';

/** login_hint (OpenID Connect Core §3.1.2.1), or whoever is signed in and is asked again, or whose account is to be proved. */
export async function expectedName(
  { interaction, progress, need, user }: Visit,
  users: Pick<UserService, 'findActive'>,
): Promise<string | undefined> {
  if (need.kind === 'way') return (await user())?.email;
  if (progress.linking) return (await users.findActive(progress.linking.user_id))?.email;
  const hint = text(interaction.params.login_hint);
  // Who is signed in, but elsewhere, is no name for whoever holds the cookie here. Only the prompt `login` has asked where they are.
  const { name, reasons } = interaction.prompt;
  const elsewhere = name !== 'login' || reasons.includes('session_moved');
  if (hint || !interaction.session || progress.other_account || elsewhere) return hint?.slice(0, 320);
  return (await users.findActive(interaction.session.accountId))?.email;
}
