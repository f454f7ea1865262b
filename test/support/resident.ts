// The memory of another process, as the system counts it.
import { readFileSync } from 'node:fs';

const megabytes = (pid: number) =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);

/** Looks at it ten times a second until the end. */
export function watchedMemory(pid: number) {
  const before = megabytes(pid);
  let most = before;
  const look = () => {
    most = Math.max(most, megabytes(pid));
  };
  const timer = setInterval(look, 100);
  return {
    end() {
      clearInterval(timer);
      look();
      return { before, most };
    },
  };
}
