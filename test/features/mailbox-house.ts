// A house whose letters are read, where anybody may register.
import type { Kind } from '../support/postgres.js';
import { at, openHouse } from './house.js';

const generous = {
  lettersToAddress: { points: 1000, seconds: 3600 },
  lettersToAddressInAll: { points: 1000, seconds: 3600 },
  lettersFromClient: { points: 10_000, seconds: 3600 },
};

export interface Left {
  template: string;
  token: string;
  code: string;
}

export const wins = (results: PromiseSettledResult<unknown>[]) =>
  results.filter(({ status }) => status === 'fulfilled');
export const fifty = <T>(work: (index: number) => Promise<T>) =>
  Promise.allSettled(Array.from({ length: 50 }, (_, index) => work(index)));

export class MailboxHouse {
  house!: Awaited<ReturnType<typeof openHouse>>;
  count = 0;

  constructor(private readonly kind: Kind) {}

  async open(): Promise<void> {
    this.house = await openHouse(this.kind, this.kind === 'postgres' ? 2 : 1, generous);
    await this.inside(async () => {
      const settings = { authentication: { registration: 'open' } };
      await this.house.tenants.update(await this.house.tenants.current(), { settings } as never);
    });
  }

  someone = (): string => {
    this.count += 1;
    return `person${this.count}@example.com`;
  };
  inside = <T>(work: () => Promise<T>): Promise<T> => at(this.house.tenant, work);
  turn = (index: number) =>
    [this.house, ...this.house.others][index % (1 + this.house.others.length)] as typeof this.house;
  person = (email = this.someone()) => this.house.users.create({ email, email_verified: true });

  /** What the worker does with everything that was put in the outbox since, and what is in the last letter that left. */
  async lastLetter(): Promise<Left | undefined> {
    const before = this.house.sent.length;
    for (const { payload } of this.house.outbox.splice(0))
      await this.house.mail.deliver(payload as { message_id: string });
    const letter = this.house.sent.slice(before).at(-1);
    if (!letter) return undefined;
    const { link, code } = letter.data as { link?: string; code?: string };
    const token = (link && new URL(link).searchParams.get('token')) ?? '';
    return { template: letter.template, token, code: code ?? '' };
  }

  letter = async (): Promise<Left> => (await this.lastLetter()) as Left;
}
