import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { credentials, type Client } from '@grpc/grpc-js';
import { FolderStore, type ArtifactStore } from '@rift/artifacts';
import { readConfig as attackerConfig, startAttacker } from '@rift/attacker';
import { AttackerServiceConstructor, ConversionServiceConstructor, TrainerServiceConstructor } from '@rift/contracts';
import { createCore, type Core } from '@rift/core';
import { createLogger, type RunningService } from '@rift/service-kit';
import { readConfig as trainerConfig, startTrainer } from '@rift/trainer';
import { JobRunner } from '@rift/worker-kit';

import { FakeAddon } from './fake-addon.js';

/** Folders, store, settings and processes of one test file; everything goes when it is disposed. */
export class Workers implements AsyncDisposable {
  readonly #services: RunningService[] = [];
  readonly #clients: Client[] = [];

  private constructor(
    /** Folder of its own. */
    readonly folder: string,
    readonly store: ArtifactStore,
    readonly addon: FakeAddon,
    private readonly core: Core,
  ) {}

  /** @param core the engine; a {@link FakeAddon} by default */
  static async create(core?: Core): Promise<Workers> {
    const folder = await mkdtemp(join(tmpdir(), 'rift-workers-'));
    const addon = new FakeAddon();
    return new Workers(folder, await FolderStore.open(join(folder, 'artifacts')), addon, core ?? createCore(() => addon));
  }

  get workFolder(): string {
    return join(this.folder, 'work');
  }

  #settings(more: Record<string, string>): Record<string, string> {
    return {
      RIFT_ARTIFACTS: pathToFileURL(join(this.folder, 'artifacts')).href,
      RIFT_WORK_DIR: this.workFolder,
      RIFT_LOG_LEVEL: 'silent',
      RIFT_DRAIN_SECONDS: '5',
      ...more,
    };
  }

  /** Starts an attacker and returns a client of it. */
  async attacker(settings: Record<string, string> = {}) {
    const config = attackerConfig(this.#settings({ RIFT_ATTACKER_ADDRESS: '127.0.0.1:0', ...settings }));
    const service = await startAttacker(config, this.#parts('attacker'));
    this.#services.push(service);
    return { service, client: this.#connected(new AttackerServiceConstructor(this.#target(service), credentials.createInsecure())) };
  }

  /** Starts a trainer and returns clients of it. */
  async trainer(settings: Record<string, string> = {}) {
    const config = trainerConfig(this.#settings({ RIFT_TRAINER_ADDRESS: '127.0.0.1:0', ...settings }));
    const service = await startTrainer(config, this.#parts('trainer'));
    this.#services.push(service);
    return {
      service,
      client: this.#connected(new TrainerServiceConstructor(this.#target(service), credentials.createInsecure())),
      conversion: this.#connected(new ConversionServiceConstructor(this.#target(service), credentials.createInsecure())),
    };
  }

  /** Stores text as an artifact; returns its digest. */
  async artifact(text: string): Promise<string> {
    return (await this.store.putBytes(Buffer.from(text))).digest;
  }

  /** Resolves when no job runs any more: a cancelled job gives the device back a moment after its caller has gone. */
  async idle(): Promise<void> {
    for (const { app } of this.#services) {
      if (!(await app.get(JobRunner, { strict: false }).idle(5000))) throw new Error('a job still runs');
    }
  }

  #parts(name: string) {
    return { artifacts: this.store, core: this.core, logger: createLogger({ name, level: 'silent' }) };
  }

  #target(service: RunningService): string {
    return `127.0.0.1:${service.grpcPort}`;
  }

  #connected<C extends Client>(client: C): C {
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all(this.#services.map((service) => service.close()));
    await rm(this.folder, { recursive: true, force: true });
  }
}
