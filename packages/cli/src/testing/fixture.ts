import type { FakeOrchestrator } from '@rift/client/testing';
import type { CreateRunRequest, Plan } from '@rift/contracts';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'node:test';

import { furnishedFake, rift, type CliResult } from './run-cli.js';

/** A fake orchestrator and an empty folder, new for every test. */
export class CliFixture {
  #fake: FakeOrchestrator | undefined;
  #endpoint = '';
  #folder = '';

  /** Registers the set-up and tear-down; called inside a describe block. */
  constructor() {
    beforeEach(async () => {
      this.#fake = furnishedFake();
      this.#endpoint = await this.#fake.start();
      this.#folder = await mkdtemp(join(tmpdir(), 'rift-commands-'));
    });
    afterEach(async () => {
      this.#fake?.stop();
      await rm(this.#folder, { recursive: true });
    });
  }

  get fake(): FakeOrchestrator {
    assert.ok(this.#fake, 'used inside a test');
    return this.#fake;
  }

  /** A path in the folder. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  get folder(): string {
    return this.#folder;
  }

  /** Runs a command against the fake. */
  run(...argv: string[]): Promise<CliResult> {
    return rift([...argv, '--endpoint', this.#endpoint]);
  }

  /** The request of the newest run. */
  created(): CreateRunRequest {
    const call = this.fake.calls.findLast(({ method }) => method === 'CreateRun');
    assert.ok(call, 'a run was created');
    return call.request as CreateRunRequest;
  }

  /** The plan of the newest run. */
  plan(): Plan {
    const { plan } = this.created();
    assert.ok(plan);
    return plan;
  }
}
