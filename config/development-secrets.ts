// Keys for a machine on which somebody tries it out.
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

/** Generated once into DATA_DIR, readable by the owner only; never in production, where both variables are required. */
export function developmentSecrets(dataDir: string): { encryption_key: string; cookie_key: string } {
  const file = path.join(dataDir, 'secrets.json');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (!existsSync(file)) {
    const secrets = { encryption_key: randomBytes(32).toString('base64'), cookie_key: randomBytes(32).toString('hex') };
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    writeFileSync(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    try {
      // A link appears whole or not at all, and never over another: of two first starts one wins, and a killed one leaves no half file.
      linkSync(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      unlinkSync(draft);
    }
  }
  return z.object({ encryption_key: z.string(), cookie_key: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8')));
}
