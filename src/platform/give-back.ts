// Memory that only the start needed goes back to the system: the young generation grows while modules are loaded, and V8 keeps it.
import v8 from 'node:v8';
import vm from 'node:vm';

/** One full collection, about a tenth of a second. Afterwards the young generation grows again with what is asked of it. */
export function giveBackMemory(): void {
  v8.setFlagsFromString('--expose-gc');
  const collect: unknown = vm.runInNewContext('globalThis.gc');
  v8.setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect({ type: 'major', flavor: 'last-resort' });
}
