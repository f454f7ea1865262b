// Six digits or a link that were sent by mail, in place of a password. Whether the address has an account is not told by anything here.
// Hands off to: EmailCodes, which counts the tries and knows for which sign-in they are good, and when a link has to do; MagicLinks, whose link
// shows such digits where it is opened in another browser.
import type { EmailCodes } from '../features/accounts/email-codes.js';
import type { MagicLinks } from '../features/accounts/magic-links.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import type { CounterHandle } from '../platform/metrics.js';
import { answerOf, limited, type Problem } from './asking.js';
import { firstProof, noLetters } from './steps.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

const problems = {
  wrong: 'wrong_email_code',
  gone: 'email_code_gone',
  locked: 'email_code_locked',
} as const;

/** Where codes of the address are paused, a link goes out in place of one: it cannot be guessed. @returns what was sent. @throws AppError 429 */
export async function sendLetter(
  { emailCodes, magicLinks }: Pick<EmailCodeDependencies, 'emailCodes' | 'magicLinks'>,
  identifier: string,
  flow: string,
  wanted: 'email_code' | 'magic_link',
): Promise<'email_code' | 'magic_link'> {
  const letter = wanted === 'email_code' && (await emailCodes.isPaused(identifier)) ? 'magic_link' : wanted;
  await (letter === 'magic_link' ? magicLinks : emailCodes).send(identifier, flow);
  return letter;
}

export interface EmailCodeDependencies {
  emailCodes: EmailCodes;
  magicLinks: MagicLinks;
  clock: Clock;
  signIns: CounterHandle<'outcome'>;
}

export class EmailCodeStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly deps: EmailCodeDependencies,
  ) {}

  show(visit: Visit): Promise<void> {
    return this.ask(visit);
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { progress, interaction } = visit;
    const { identifier } = progress;
    if (!identifier || field(form, 'instead') === 'password')
      return this.stage.remember(visit, { ...progress, email_code: undefined, magic_link: undefined });
    if (field(form, 'again')) return this.sendAgain(visit, identifier);
    const code = field(form, 'code');
    if (!code) return this.ask(visit, { code: 'missing_email_code' });
    const result = await this.deps.emailCodes.signIn(identifier, interaction.uid, code.slice(0, 64));
    this.deps.signIns.add({ outcome: result.outcome === 'ok' ? 'ok' : `email_code_${result.outcome}` });
    if (result.outcome !== 'ok') return this.ask(visit, { code: problems[result.outcome] });
    const proof = { method: 'email_code' as const, at: epochSeconds(this.deps.clock.now()) };
    await this.stage.remember(visit, firstProof({ ...progress, ...noLetters }, result.user.id, proof));
  }

  private async sendAgain(visit: Visit, identifier: string): Promise<void> {
    const wanted = visit.progress.magic_link ? 'magic_link' : 'email_code';
    const sending = sendLetter(this.deps, identifier, visit.interaction.uid, wanted);
    const refused = await limited(sending);
    if (refused) return this.ask(visit, refused);
    if ((await sending) !== wanted)
      await this.stage.remember(visit, { ...visit.progress, email_code: undefined, magic_link: true });
  }

  private async ask(visit: Visit, error?: Problem): Promise<void> {
    const data = { username: visit.progress.identifier, error, actions: { submit: `${visit.base}/email_code` } };
    const view = visit.progress.magic_link ? 'magic-link' : 'email-code';
    await this.stage.show(visit, view, data, answerOf(error));
  }
}
