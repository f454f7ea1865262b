// The mailbox of a person: what was sent to it, as soon as it is there.
import type { TestServer } from './server.js';

export interface Letter {
  to: string;
  subject: string;
  text: string;
}

/** The newest letter to an address that has these words. @throws Error where none comes. */
export async function letterTo(server: TestServer, email: string, words: RegExp): Promise<Letter> {
  for (let tries = 0; tries < 500; tries += 1) {
    const found = (await sentTo(server, email)).find(({ subject, text }) => words.test(`${subject}\n${text}`));
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no letter ${words} came to ${email}`);
}

/** Newest first, when nothing is under way any more. */
export async function lettersTo(server: TestServer, email: string): Promise<Letter[]> {
  await delivered(server);
  return sentTo(server, email);
}

const sentTo = async (server: TestServer, email: string): Promise<Letter[]> =>
  (await server.inside(({ mail }) => mail.mailbox(500))).filter(({ to }) => to === email);

/** Waits until everything that was sent has been delivered or thrown away. */
export async function delivered(server: TestServer): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    const [row] = await server.services.db.manager.query(
      `SELECT count(*)::int AS waiting FROM mail_messages WHERE status = 'queued'`,
    );
    if (row.waiting === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('letters are still waiting');
}

export const linkIn = ({ text }: Letter): string => {
  const link = /http\S+token=[\w-]+/.exec(text)?.[0];
  if (!link) throw new Error(`no link in:\n${text}`);
  return link;
};
