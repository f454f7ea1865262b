// How many cores a rate of sign-ins needs: people come at random, each process hashes one password at a time, so some wait.

/** Milliseconds within which 95 of 100 are answered, where so many come a second and each takes so long in one of so many processes. */
export function p95With(servers: number, perSecond: number, serviceMs: number, count = 40_000): number {
  if (perSecond * serviceMs >= servers * 1000) return Number.POSITIVE_INFINITY;
  const random = generator(1);
  const free = new Array<number>(servers).fill(0);
  const times: number[] = [];
  let now = 0;
  for (let arrival = 0; arrival < count; arrival += 1) {
    now += (-Math.log(1 - random()) * 1000) / perSecond;
    let first = 0;
    for (let index = 1; index < servers; index += 1)
      if ((free[index] as number) < (free[first] as number)) first = index;
    const end = Math.max(now, free[first] as number) + serviceMs;
    free[first] = end;
    times.push(end - now);
  }
  return times.sort((a, b) => a - b)[Math.floor(count * 0.95)] as number;
}

/** The fewest hashing processes that keep the promise. Undefined where one hash alone takes longer than that. */
export function processesFor(perSecond: number, serviceMs: number, p95Ms: number): number | undefined {
  if (serviceMs >= p95Ms) return undefined;
  let processes = Math.max(1, Math.ceil((perSecond * serviceMs) / 1000));
  while (p95With(processes, perSecond, serviceMs) >= p95Ms) processes += 1;
  return processes;
}

/** The same numbers each time (a linear congruential generator): a computation, not a measurement. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}
