// Starts a hashing process: with nothing of ours, and behind everything else.
import { type ChildProcess, fork, spawnSync } from 'node:child_process';

/** Nothing is inherited: neither secrets in the environment nor --inspect and its kind. */
export const startHashing = (): ChildProcess =>
  fork(new URL('./hashing-child.js', import.meta.url), {
    env: { UV_THREADPOOL_SIZE: '2' },
    ...asIdle(),
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });

let idle: { execPath?: string; execArgv: string[] } | undefined;

/** Scheduled as idle, where the system can (util-linux), a hash gives way at once; at the lowest priority it would end its slice first. */
function asIdle(): { execPath?: string; execArgv: string[] } {
  if (!idle) {
    // Looked for where the process itself will be: without our environment.
    const tried = spawnSync('chrt', ['-i', '0', 'chrt', '--version'], { env: {}, stdio: 'ignore', timeout: 2_000 });
    idle = tried.status === 0 ? { execPath: 'chrt', execArgv: ['-i', '0', process.execPath] } : { execArgv: [] };
  }
  return idle;
}
