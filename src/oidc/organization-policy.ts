// When somebody has to be asked because a request is for an organization: for a proof that is missing, which one it is to be, and that it cannot be.
import { interactionPolicy } from 'oidc-provider';
import type { OrganizationAccess } from '../features/organization-access/organization-access.js';
import type { EngineContext } from './engine-types.js';
import { hasJustProved, organizationOf } from './organization.js';
import { type Telling, toldOf } from './organization-telling.js';

const { Check, Prompt } = interactionPolicy;

const missing = new Set<string | undefined>(['way', 'class']);

/** Of the prompt `login`: more is proved in the session that is there, and what others rest on stays. */
export const organizationProof = (telling: Telling) =>
  new Check('organization_proof', 'the organization asks for another proof', 'login_required', async (ctx) => {
    const asked = await toldOf(ctx, telling);
    return (missing.has(asked?.decision?.kind) || asked?.passwordDue === true) && !hasJustProved(ctx);
  });

/** After the login, before consent: what is agreed to is for this organization. */
export const organizationPrompt = (telling: Telling) =>
  new Prompt(
    { name: 'organization', requestable: false },
    new Check(
      'organization_choice',
      'the End-User is to choose an organization',
      'interaction_required',
      async (ctx) => (await toldOf(ctx, telling))?.found.kind === 'several',
    ),
    new Check(
      'organization_refused',
      'the End-User may not have a token for this organization',
      'access_denied',
      async (ctx) => (await refusalOf(ctx, telling)) !== undefined,
      async (ctx) => ({ refused: await refusalOf(ctx, telling) }),
    ),
  );

/** Kept with the page of consent: what is agreed to there is for the one that it shows. */
export const shownForConsent = (access: OrganizationAccess) => async (ctx: EngineContext) => {
  const found = (await organizationOf(ctx, access))?.found;
  if (found?.kind !== 'one') return {};
  const organization_id = found.membership.organization.id;
  return { organization: { account_id: String(ctx.oidc.session?.accountId), organization_id } };
};

/** Not a member, or not from here, or nobody could prove what it takes. */
async function refusalOf(ctx: EngineContext, telling: Telling): Promise<'member' | 'address' | 'proof' | undefined> {
  const asked = await toldOf(ctx, telling);
  if (asked?.found.kind === 'refused') return 'member';
  if (asked?.decision?.kind === 'refused') return 'address';
  return missing.has(asked?.decision?.kind) || asked?.passwordDue ? 'proof' : undefined;
}

const noted = new WeakSet<object>();

/** The last of all, which asks nobody: what is looked at here goes through. */
export const bypassNote = (access: OrganizationAccess) =>
  new Prompt(
    { name: 'organization_bypass', requestable: false },
    new Check('organization_bypass', 'never', 'interaction_required', async (ctx) => {
      const asked = await organizationOf(ctx, access);
      if (asked?.found.kind !== 'one' || asked.decision?.kind !== 'satisfied' || noted.has(ctx)) return false;
      const { membership } = asked.found;
      noted.add(ctx);
      const { bypass } = asked.decision;
      if (bypass)
        await access.bypassed(
          String(ctx.oidc.session?.accountId),
          membership,
          String(ctx.oidc.client?.clientId),
          bypass,
        );
      return false;
    }),
  );
