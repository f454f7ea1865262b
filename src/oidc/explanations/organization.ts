// Refusals of a request for an organization.
import type { Explanation } from './explanation.js';

export const organization: readonly Explanation[] = [
  {
    check: 'organization.form',
    error: 'invalid_request',
    says: 'organization must be the id or the slug',
    seen: ['organization'],
    advice: 'Send the id or the slug of an organization: small letters, digits and hyphens.',
  },
  {
    check: 'organization.named',
    error: 'invalid_request',
    says: 'organization must be named',
    seen: ['scope'],
    advice: 'No page asks the person here. Send the parameter `organization` with the one that is meant.',
  },
  {
    check: 'organization.proof_needed',
    error: 'login_required',
    says: 'the organization asks for another proof',
    seen: ['prompt', 'organization'],
    setting: 'organization.settings.policy',
    advice:
      'What the session stands on is not enough for the organization, or too old. Ask again without prompt=none: the person proves what is missing.',
  },
  {
    check: 'organization.choice_needed',
    error: 'interaction_required',
    says: 'the End-User is to choose an organization',
    seen: ['prompt', 'scope'],
    advice:
      'The person belongs to several organizations. Send the parameter `organization`, or ask again without prompt=none.',
  },
  {
    check: 'organization.entered',
    error: 'access_denied',
    says: 'the End-User may not have a token for this organization',
    seen: ['organization'],
    setting: 'organization.settings.policy',
    advice:
      'The person is no member of the organization, or not at the moment; or it takes another network or another proof than theirs. Look at its members and at its policy.',
  },
  {
    check: 'organization.taken',
    error: 'access_denied',
    says: 'no organization was taken',
    seen: ['organization'],
    advice:
      'The person went back to the application: they chose no organization, or were told that theirs is not for this account.',
  },
];
