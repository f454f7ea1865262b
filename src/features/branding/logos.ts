// The pictures that were uploaded, as rows: written with whatever says whose they are, read by whoever knows their name. They are no secret.
import { createHash } from 'node:crypto';
import { IsNull } from 'typeorm';
import type { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { invalid } from '../../platform/errors.js';
import { BrandLogo } from './brand-logo.entity.js';
import { PICTURE_TYPES, readPicture } from './picture.js';

const NAMED = /^[0-9a-f]{64}\.(png|jpg|webp)$/;

export class Logos {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** In the transaction of the change, in which its owner is held. @returns the name of its file. @throws AppError 422 for what is no picture. */
  async put(organizationId: string | null, image: Buffer): Promise<string> {
    const picture = readPicture(image);
    if (typeof picture === 'string')
      throw invalid('The image cannot be used', [{ pointer: '/image', message: picture }]);
    const file = `${createHash('sha256').update(image).digest('hex')}.${picture.extension}`;
    await this.remove(organizationId);
    const row = { id: newId(), organizationId, file, image, createdAt: this.clock.now() };
    await this.db.repo(BrandLogo).insert(Object.assign(new BrandLogo(), row));
    return file;
  }

  async remove(organizationId: string | null): Promise<void> {
    await this.db.repo(BrandLogo).delete({ organizationId: organizationId ?? IsNull() });
  }

  /** @returns undefined where nobody has it any more. */
  async find(file: string): Promise<{ type: string; image: Buffer } | undefined> {
    const [, extension] = NAMED.exec(file) ?? [];
    if (!extension) return undefined;
    const [row] = await this.db.repo(BrandLogo).find({ where: { file }, take: 1 });
    return row && { type: PICTURE_TYPES[extension as keyof typeof PICTURE_TYPES], image: row.image };
  }
}
