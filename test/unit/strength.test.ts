import { afterAll, describe, expect, it } from '@jest/globals';
import { Hasher } from '../../src/platform/hashing.js';

const hasher = new Hasher({ processes: 1, parameters: { timeCost: 1, memoryCost: 8192, parallelism: 1 } });
afterAll(() => hasher.stop());

describe('the strength of a password, in words', () => {
  it.each([
    ['password', 'weak'],
    ['Password1', 'weak'],
    ['qwertyuiop', 'weak'],
    ['k9$Lq2vR', 'medium'],
    ['correct horse battery', 'strong'],
    ['пароль для друзей', 'strong'],
    ['', 'weak'],
    ['😀🎈🌊🦉🍏🚲🎻🧊', 'strong'],
  ])('%j → %s', async (password, expected) => {
    await expect(hasher.strength(password, [])).resolves.toBe(expected);
  });

  it('counts the words of person and place as guessed', async () => {
    await expect(hasher.strength('lovelaceacmetravel', [])).resolves.not.toBe('weak');
    await expect(hasher.strength('lovelace', ['lovelace', 'acmetravel'])).resolves.toBe('weak');
  });

  it('is bounded in work, whatever is typed, and none of it is done here', async () => {
    const hostile = '4@8({[<369&#!1/|0$5+7%2'.repeat(45).slice(0, 1024);
    await hasher.strength('warm', []);
    const before = performance.now();
    const cpu = process.cpuUsage();
    await expect(hasher.strength(hostile, [])).resolves.toBe('strong');
    expect(performance.now() - before).toBeLessThan(3_000);
    expect(process.cpuUsage(cpu).user / 1000).toBeLessThan(100);
  });

  it('gives way to sign-ins: with half of the queue full nobody is advised', async () => {
    const small = new Hasher({
      processes: 1,
      maxQueue: 2,
      parameters: { timeCost: 3, memoryCost: 65_536, parallelism: 1 },
    });
    const hashes = [1, 2].map(() => small.hash('correct horse'));
    await expect(Promise.resolve().then(() => small.strength('a password', []))).rejects.toMatchObject({ status: 503 });
    await Promise.all(hashes);
    await small.stop();
  });
});
