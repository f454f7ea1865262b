// What many requests ask in the same turn of the event loop is asked once: under load one statement serves all of them, and alone nobody waits.

interface Waiting<A, R> {
  asked: A;
  resolve(answer: R): void;
  reject(error: unknown): void;
}

/** SQLSTATE classes 22 and 23: data exception, integrity constraint violation. */
const isOfData = (error: unknown): boolean => /^2[23]/.test(String((error as { code?: unknown } | null)?.code));

/** More than this is several statements. */
const most = 64;

/**
 * @param ask answers all of one group, in the order in which they are asked.
 * @returns what asks for one of a group.
 */
export function together<A, R>(
  ask: (group: string, all: A[]) => Promise<R[]>,
): (group: string, asked: A) => Promise<R> {
  const groups = new Map<string, Waiting<A, R>[]>();

  const send = async (group: string, waiting: Waiting<A, R>[]): Promise<void> => {
    try {
      const answers = await ask(
        group,
        waiting.map(({ asked }) => asked),
      );
      for (const [place, { resolve }] of waiting.entries()) resolve(answers[place] as R);
    } catch (error) {
      // One that brought what no row can hold must not fail the others; a database that is away is not asked twice.
      if (waiting.length > 1 && isOfData(error)) for (const one of waiting) void send(group, [one]);
      else for (const { reject } of waiting) reject(error);
    }
  };

  return (group, asked) =>
    new Promise((resolve, reject) => {
      const one = { asked, resolve, reject };
      const waiting = groups.get(group);
      if (waiting && waiting.length < most) return void waiting.push(one);
      const begun = [one];
      groups.set(group, begun);
      setImmediate(() => {
        if (groups.get(group) === begun) groups.delete(group);
        void send(group, begun);
      });
    });
}
