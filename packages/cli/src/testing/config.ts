import process from 'node:process';

/** What the environment tells a fake service. */
export function fakeServiceConfig(): { address: string; fails: boolean; stubborn: boolean } {
  const { FAKE_ADDRESS = '127.0.0.1:0', FAKE_FAILS, FAKE_STUBBORN } = process.env;
  return { address: FAKE_ADDRESS, fails: FAKE_FAILS === 'true', stubborn: FAKE_STUBBORN === 'true' };
}

/** The environment as a child inherits it. */
export function testEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
