// How well a password withstands guessing, in words: an estimate of guesses by zxcvbn, with the words of person and place among its dictionaries.
// Runs in hashing-child.ts; the dictionaries take some 20 MB there and are read at the first question.

export type Strength = 'weak' | 'medium' | 'strong';

/** What comes after these adds nothing to a good password, and would let a long one work for minutes. */
const looksAt = 100;

interface Estimator {
  check(password: string, words: string[]): { score: 0 | 1 | 2 | 3 | 4 };
}
let estimator: Promise<Estimator> | undefined;

export async function measureStrength(password: string, words: readonly string[]): Promise<Strength> {
  estimator ??= load();
  const { score } = (await estimator).check([...password].slice(0, looksAt).join(''), [...words]);
  // 10^6 guesses are made online in time; from 10^10 on a stolen slow hash holds too.
  if (score <= 1) return 'weak';
  return score <= 3 ? 'medium' : 'strong';
}

async function load(): Promise<Estimator> {
  const [{ ZxcvbnFactory }, { adjacencyGraphs, dictionary }] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ]);
  return new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs, maxLength: 2 * looksAt });
}
