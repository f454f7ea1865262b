// Says little while it goes well, and at the end what was skipped, by name: nothing is left out silently.
import type { AggregatedResult, Test, TestResult } from '@jest/reporters';

interface Skipped {
  name: string;
}

export default class Reporter {
  private readonly skipped: Skipped[] = [];

  onTestResult(test: Test, result: TestResult): void {
    const name = test.path.replace(/^.*\/dist\/test\//, '').replace(/\.js$/, '');
    const where = test.context.config.displayName?.name ?? '';
    const bad = result.numFailingTests > 0 || result.testExecError;
    const seconds = ((result.perfStats.end - result.perfStats.start) / 1000).toFixed(1);
    print(`${bad ? 'FAIL' : 'ok  '} ${where.padEnd(9)} ${name} (${result.numPassingTests} in ${seconds} s)`);
    if (bad) print(result.failureMessage ?? result.testExecError?.message ?? '');
    for (const { status, fullName } of result.testResults) {
      if (status === 'pending' || status === 'todo') this.skipped.push({ name: `${name}: ${fullName}` });
    }
  }

  onRunComplete(_: unknown, results: AggregatedResult): void {
    if (this.skipped.length > 0) {
      print(
        '\nSkipped, because what they need is not here (PostgreSQL by TEST_DATABASE_URL, redis-server, pgbouncer, Chromium, xmlsec1, SimpleSAMLphp):',
      );
      for (const { name } of this.skipped) print(`  - ${name}`);
    }
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    print(`\n${results.numPassedTests} passed, ${failed} failed, ${this.skipped.length} skipped`);
  }

  /** Where everything has to run, what did not is a failure. */
  getLastError(): Error | undefined {
    return process.env.REQUIRE_ALL === '1' && this.skipped.length > 0 ? new Error('tests were skipped') : undefined;
  }
}

const print = (line: string) => process.stdout.write(`${line}\n`);
