import { readFile } from 'node:fs/promises';
import { type Applied, Apply, type ApplyServices } from './apply.service.js';
import { parseDeclarations } from './declaration.parser.js';

/** @throws DeclarationError with every mistake; Error where the file cannot be read. */
export async function applyFile(services: ApplyServices, fileName: string): Promise<Applied> {
  return new Apply(services).run(parseDeclarations(await readFile(fileName, 'utf8'), fileName));
}
