// One line of `ostiary doctor`, and what of the configuration the checks look at.

export interface Check {
  name: string;
  status: 'ok' | 'warn' | 'fail';
  /** What was seen; never a secret. */
  detail: string;
  /** What to do about it. */
  advice?: string;
}

export interface DoctorConfig {
  environment: string;
  issuer: string;
  dataDir: string;
  databaseUrl: string | undefined;
  redisUrl: string | undefined;
  mailUrl: string | undefined;
  tls: { cert: string; key: string } | undefined;
  mutualTls?: { origin: string; port: number | undefined } | undefined;
  workers: number;
}

export const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail });
export const warn = (name: string, detail: string, advice: string): Check => ({ name, status: 'warn', detail, advice });
export const fail = (name: string, detail: string, advice: string): Check => ({ name, status: 'fail', detail, advice });
