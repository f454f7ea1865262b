// Which of the accounts that are signed in in this browser, or another (prompt=select_account, OpenID Connect Core §3.1.2.1).
import type { Engine } from '../features/protocol/engine.js';
import type { UserService } from '../features/users/user.service.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

export class SelectAccountStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly engine: Engine,
    private readonly users: UserService,
    private readonly finish: (visit: Visit) => Promise<void>,
  ) {}

  async show(visit: Visit): Promise<void> {
    const accounts = [];
    for (const { sessionUid, accountId, current, moved } of await this.engine.accounts(visit.ctx.req, visit.ctx.res)) {
      if (moved) continue;
      const user = await this.users.findActive(accountId);
      const name = typeof user?.claims.name === 'string' ? user.claims.name : undefined;
      if (user)
        accounts.push({
          id: sessionUid,
          email: user.email,
          name,
          initials: (name ?? user.email).slice(0, 1).toUpperCase(),
          current,
        });
    }
    await this.stage.show(visit, 'select-account', { accounts, actions: { submit: `${visit.base}/select_account` } });
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { req, res } = visit.ctx;
    const chosen = field(form, 'account');
    if (chosen === 'other') {
      // The session there is goes on until somebody has signed in; then it is set aside.
      await this.stage.remember(visit, { proofs: [], other_account: true });
    } else if (chosen && (await this.engine.switchTo(req, res, chosen))) {
      await this.finish(visit);
    }
  }
}
