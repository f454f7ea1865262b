// What arrives in a mailbox.
import { delivered } from './mailbox.js';
import type { TestServer } from './server.js';

/** The newest letter that says it; waits for the worker. @param seen what is not new any more. */
async function newest(server: TestServer, to: string, what: RegExp, seen: readonly string[]): Promise<string> {
  for (let tries = 0; tries < 750; tries += 1) {
    for (const mail of await server.inside(({ mail }) => mail.mailbox())) {
      const found = mail.to === to ? what.exec(mail.text)?.[0] : undefined;
      if (found && !seen.includes(found)) return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no letter came with ${what}`);
}

/** @param page the last part of the path that the link leads to. */
export const linkIn = (server: TestServer, to: string, page: string, ...seen: string[]): Promise<string> =>
  newest(server, to, new RegExp(`https?://\\S+/${page}\\?token=\\S+`), seen);

export const codeIn = (server: TestServer, to: string, ...seen: string[]): Promise<string> =>
  newest(server, to, /^\d{6}$/m, seen);

/** Newest first, when nothing is under way any more. */
export async function subjectsOf(server: TestServer, to: string): Promise<string[]> {
  await delivered(server);
  return (await server.inside(({ mail }) => mail.mailbox()))
    .filter((mail) => mail.to === to)
    .map(({ subject }) => subject);
}

export const generous = {
  lettersToAddress: { points: 100_000, seconds: 3600 },
  lettersToAddressInAll: { points: 100_000, seconds: 3600 },
  lettersFromClient: { points: 100_000, seconds: 3600 },
};
