// Counts of a test stage, and the lines that tell of them.

/** Passed, failed and skipped tests; `failures` holds what to print again at the end. */
export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;
  failures = [];

  pass() {
    this.passed += 1;
  }

  fail(name) {
    this.failed += 1;
    this.failures.push(name);
  }

  skip() {
    this.skipped += 1;
  }

  get total() {
    return this.passed + this.failed + this.skipped;
  }

  add(other) {
    this.passed += other.passed;
    this.failed += other.failed;
    this.skipped += other.skipped;
    this.failures.push(...other.failures);
  }

  /** The last line of `npm test`; scripts read it. */
  toString() {
    const skipped = this.skipped > 0 ? `, ${this.skipped} skipped` : '';
    return `${this.passed} passed, ${this.failed} failed${skipped}`;
  }
}
