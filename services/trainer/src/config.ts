import { readEnvironment, setting } from '@rift/service-kit';
import { WORKER_SETTINGS } from '@rift/worker-kit';

const SETTINGS = {
  ...WORKER_SETTINGS,
  /** Where the service listens. */
  RIFT_TRAINER_ADDRESS: setting.address().default('127.0.0.1:50053'),
  /** Folder that data sets may be imported from, with everything below it; unset, ImportDataset is refused. */
  RIFT_IMPORT_ROOT: setting.text().regex(/^\//, 'must be an absolute path').optional(),
  /** Imports and exports at once. */
  RIFT_CONVERSIONS: setting.integer(1, 16).default(2),
  /** Minutes that one import or export may take. */
  RIFT_CONVERSION_MINUTES: setting.integer(1, 1440).default(60),
};

/**
 * The settings of the trainer.
 * @throws EnvironmentError naming every bad variable
 */
export function readConfig(variables: Readonly<Record<string, string | undefined>> = process.env) {
  return readEnvironment(SETTINGS, variables);
}

/** The settings as read. */
export type TrainerConfig = ReturnType<typeof readConfig>;
