import type { UserService } from '../users/user.service.js';
import { type Step, same } from './change.js';
import type { DeclaredUser } from './declaration.schema.js';
import type { PasswordVerdict } from './declared-passwords.js';

/** Members the file does not say stay as they are: people change their own profile. */
export async function userStep(
  { users }: { users: UserService },
  declared: DeclaredUser,
  password: PasswordVerdict | undefined,
): Promise<Step | undefined> {
  const { email, email_verified, claims = {}, roles, disabled } = declared;
  const user = await users.findByEmail(email);
  if (!user) {
    const write = async () => {
      const made = await users.create({ email, email_verified, claims }, roles);
      await password?.write(made);
      if (disabled) await users.disable(made);
      return undefined;
    };
    return { action: 'create', changed: [], write };
  }

  const newClaims = Object.entries(claims).filter(([name, value]) => !same(user.claims[name as never], value));
  const update = {
    ...(email === user.email ? {} : { email }),
    ...(email_verified === undefined || email_verified === user.emailVerified ? {} : { email_verified }),
    ...(newClaims.length > 0 ? { claims: Object.fromEntries(newClaims) } : {}),
  };
  const newRoles = roles && !same([...new Set(roles)].sort(), [...user.roles].sort());
  const toggled = disabled !== undefined && disabled !== Boolean(user.disabledAt);
  const changed = [
    ...Object.keys(update).filter((name) => name !== 'claims'),
    ...newClaims.map(([name]) => `claims.${name}`),
    ...(newRoles ? ['roles'] : []),
    ...(password?.differs ? ['password'] : []),
    ...(toggled ? ['disabled'] : []),
  ];
  if (changed.length === 0) return undefined;
  const write = async () => {
    if (Object.keys(update).length > 0) await users.update(user, update);
    if (roles && newRoles) await users.setRoles(user, roles);
    if (password?.differs) await password.write(user);
    if (toggled) await (disabled ? users.disable(user) : users.enable(user));
    return undefined;
  };
  return { action: 'update', changed, write };
}
