// The ways a mail leaves: SMTP, or the mailbox of development, which keeps it.
import { createTransport } from 'nodemailer';

export interface Mail {
  /** The same at each attempt, so that a mail sent twice is recognised as one (RFC 5322 §3.6.4). */
  messageId: string;
  to: string;
  subject: string;
  text: string;
  html: string;
}

export interface MailTransport {
  /** Keeps what was sent, sealed, for /dev/mailbox. Never in production. */
  readonly keeps: boolean;
  send(mail: Mail): Promise<void>;
  close(): void;
}

/** @param mailUrl as in `smtp://user:password@mail.example.com:587?from=no-reply@example.com`. */
export function smtpTransport(mailUrl: string, fallbackFrom: string): MailTransport {
  const url = new URL(mailUrl);
  const from = url.searchParams.get('from') ?? fallbackFrom;
  const secure = url.protocol === 'smtps:';
  const transporter = createTransport({
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
  return {
    keeps: false,
    async send({ messageId, to, subject, text, html }) {
      // As an object, an address with commas or angle brackets stays one recipient.
      await transporter.sendMail({ from, to: { name: '', address: to }, subject, text, html, messageId });
    },
    close: () => transporter.close(),
  };
}

export const mailboxTransport = (): MailTransport => ({ keeps: true, send: async () => {}, close: () => {} });
