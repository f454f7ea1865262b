// An identity provider spoke of an account that is there already, and whoever is here has proved that it is theirs: are the two to be one?
import type { Federation } from './federation.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

export class LinkStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly federation: Pick<Federation, 'link'>,
  ) {}

  async show(visit: Visit): Promise<void> {
    const user = await visit.user();
    const { linking } = visit.progress;
    if (!user || !linking) return;
    const data = {
      name: linking.name,
      account: { email: user.email, initials: user.email.slice(0, 1).toUpperCase() },
      actions: { submit: `${visit.base}/link` },
    };
    await this.stage.show(visit, 'link', data);
  }

  /** Where the answer of the identity provider is too old by now, the sign-in goes on as if it had not come. */
  async submit(visit: Visit, form: Form): Promise<void> {
    const { linking: _asked, ...progress } = visit.progress;
    const linked = field(form, 'decision') === 'link' ? await this.federation.link(visit) : undefined;
    await this.stage.remember(visit, linked ?? progress);
  }
}
