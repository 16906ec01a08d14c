import { readEnvironment, setting } from '@rift/service-kit';
import { WORKER_SETTINGS } from '@rift/worker-kit';

const SETTINGS = {
  ...WORKER_SETTINGS,
  /** Where the service listens. */
  RIFT_ATTACKER_ADDRESS: setting.address().default('127.0.0.1:50052'),
  /** Perturb streams open at once; they share the device and keep jobs away from it. */
  RIFT_PERTURB_STREAMS: setting.integer(1, 64).default(4),
  /** Seconds after which a Perturb stream that sends no batch is ended, so that it does not keep the device. */
  RIFT_PERTURB_IDLE_SECONDS: setting.integer(1, 3600).default(60),
};

/**
 * The settings of the attacker.
 * @throws EnvironmentError naming every bad variable
 */
export function readConfig(variables: Readonly<Record<string, string | undefined>> = process.env) {
  return readEnvironment(SETTINGS, variables);
}

/** The settings as read. */
export type AttackerConfig = ReturnType<typeof readConfig>;
