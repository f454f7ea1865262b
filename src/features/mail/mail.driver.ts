// The ways a mail leaves, one by each scheme of MAIL_URL: SMTP, or the mailbox of development, which keeps it.
// A further provider is a further driver here; nothing else knows how mail is sent.
import type { Transporter } from 'nodemailer';

export interface Mail {
  /** The same at each attempt, so that a mail sent twice is recognised as one (RFC 5322 §3.6.4). */
  messageId: string;
  to: string;
  subject: string;
  text: string;
  html: string;
}

export interface MailDriver {
  /** Keeps what was sent, sealed, for /dev/mailbox. Never in production. */
  readonly keeps: boolean;
  /** @throws MailRefused where trying again is of no use; any other Error where it is. */
  send(mail: Mail): Promise<void>;
  /** Whether a mail would be taken now; sends none. A reason names no address and no secret. */
  check(): Promise<MailHealth>;
  close(): void;
}

export type MailHealth = 'healthy' | { reason: string };

/** The server will never take this one (RFC 5321 §4.2.1, 5yz). */
export class MailRefused extends Error {
  override name = 'MailRefused';
}

const drivers: Record<string, (mailUrl: string, fallbackFrom: string) => MailDriver> = {
  smtp: smtpDriver,
  smtps: smtpDriver,
  mailbox: mailboxDriver,
};

/** The driver that the scheme of MAIL_URL names. @throws Error where there is none. */
export function mailDriver(mailUrl: string, fallbackFrom: string): MailDriver {
  const driver = drivers[new URL(mailUrl).protocol.slice(0, -1)];
  if (!driver) throw new Error('MAIL_URL names no way to send mail');
  return driver(mailUrl, fallbackFrom);
}

/** @param mailUrl as in `smtp://user:password@mail.example.com:587?from=no-reply@example.com`. */
function smtpDriver(mailUrl: string, fallbackFrom: string): MailDriver {
  const url = new URL(mailUrl);
  const from = url.searchParams.get('from') ?? fallbackFrom;
  const secure = url.protocol === 'smtps:';
  let opened: Transporter | undefined;
  const transporter = async (): Promise<Transporter> => {
    // Loaded with the first mail: most processes of a server send none.
    const { createTransport } = await import('nodemailer');
    opened ??= createTransport({
      host: url.hostname,
      port: Number(url.port || (secure ? 465 : 587)),
      secure,
      ...(url.username
        ? { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }
        : {}),
      connectionTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 20_000,
      // A template is words: it never makes the sender read a file or fetch a page.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    return opened;
  };
  return {
    keeps: false,
    async send({ messageId, to, subject, text, html }) {
      // As an object, an address with commas or angle brackets stays one recipient.
      const transport = await transporter();
      await transport
        .sendMail({ from, to: { name: '', address: to }, subject, text, html, messageId })
        .catch((error) => {
          throw isFinal(error) ? new MailRefused(reasonOf(error)) : error;
        });
    },
    check: async () =>
      (await transporter()).verify().then(
        () => 'healthy' as const,
        (error) => ({ reason: reasonOf(error) }),
      ),
    close: () => opened?.close(),
  };
}

function mailboxDriver(): MailDriver {
  return { keeps: true, send: async () => {}, check: async () => 'healthy', close: () => {} };
}

/** Refused for this recipient or these words. What concerns the connection or our credentials (RFC 4954 §6) is for the operator to mend. */
function isFinal(error: unknown): boolean {
  const { code, responseCode = 0 } = error as { code?: string; responseCode?: number };
  const about = code === 'EENVELOPE' || code === 'EMESSAGE';
  return about && responseCode >= 500 && responseCode < 600 && ![530, 534, 535, 538].includes(responseCode);
}

/** Only the code: a mail server's words may repeat the address. */
export function reasonOf(error: unknown): string {
  if (error instanceof MailRefused) return error.message;
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
  const parts = [code, responseCode].filter((part) => typeof part === 'string' || typeof part === 'number');
  return parts.length > 0 ? parts.join(' ') : error instanceof Error ? error.name : 'unknown';
}
