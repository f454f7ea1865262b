// The fourth rung, on top of organizations: how people come to them. Domains that were proved, and invitations.

import { DomainService } from '../features/domains/domain.service.js';
import { DomainAuthority } from '../features/domains/domain-authority.js';
import { DomainChecks } from '../features/domains/domain-checks.js';
import { DomainJoining } from '../features/domains/domain-joining.js';
import { InvitationService } from '../features/invitations/invitation.service.js';
import { InvitationAnswers } from '../features/invitations/invitation-answers.js';
import { InvitationEndings } from '../features/invitations/invitation-endings.js';
import { InvitationExpiry } from '../features/invitations/invitation-expiry.js';
import { InvitationLetters } from '../features/invitations/invitation-letters.js';
import { InvitationOffers } from '../features/invitations/invitation-offers.js';
import { InvitationTemplates } from '../features/invitations/invitation-templates.js';
import { KeptInvitations } from '../features/invitations/kept-invitation.js';
import type { Ground } from './ground.js';
import type { Organizations } from './organizations.js';
import type { People } from './people.js';

export type Invitations = ReturnType<typeof openInvitations>;

export function openInvitations(ground: Ground, { users }: People, { standings, memberships }: Organizations) {
  const { db, audit, clock, tenants, oneTimeTokens, mail, jobs, dns, sealer, rateLimits, limits } = ground;
  const domainJoining = new DomainJoining(db, memberships, jobs, clock);
  const questions = rateLimits.limiter({ name: 'domain_checks', ...limits.domainChecks });
  const letters = new InvitationLetters(db, tenants, oneTimeTokens, mail);
  const offers = new InvitationOffers(db, standings);
  const asked = {
    ofOrganization: rateLimits.limiter({ name: 'invitation_letters', ...limits.invitationLetters }),
    toAddress: rateLimits.limiter({ name: 'invitation_letters_to', ...limits.invitationLettersToAddress }),
  };
  return {
    domainJoining,
    domainAuthority: new DomainAuthority(db),
    domains: new DomainService(db, audit, dns, clock, standings, questions, {
      opened: (domain) => domainJoining.opened(domain),
    }),
    domainChecks: new DomainChecks(db, audit, dns, mail, clock),
    invitations: new InvitationService(db, audit, clock, offers, letters, asked),
    invitationTemplates: new InvitationTemplates(db, audit, clock, standings),
    invitationEndings: new InvitationEndings(db, audit, clock, letters),
    invitationAnswers: new InvitationAnswers(
      ...([db, audit, clock, tenants, users, memberships, oneTimeTokens, letters, offers] as const),
    ),
    invitationExpiry: new InvitationExpiry(db, audit, clock),
    keptInvitations: new KeptInvitations(sealer, clock),
  };
}
